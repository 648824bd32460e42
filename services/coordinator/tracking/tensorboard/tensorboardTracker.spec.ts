/** Event files of a run: every point appears once, however the writing processes ended. */
import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { logger } from '@gapo/service';
import { temporaryDirectory } from '@gapo/service/testing';
import { attemptName } from '../tracked/points.js';
import { afterTheKill, beforeTheKill, testRun, type TestRun } from '../trackedRun.fixture.js';
import { decodeTensorboardEvent, type TensorboardEvent } from './eventMessage.js';
import { readRecords } from './records.js';
import { TensorboardTracker } from './tensorboardTracker.js';

interface Place {
  readonly run: TestRun;
  /** Records everything that the run has, as a newly started process does. */
  readonly record: () => Promise<void>;
  readonly path: () => string;
  readonly read: () => readonly TensorboardEvent[];
}

async function place(t: TestContext): Promise<Place> {
  const directory = await temporaryDirectory(t);
  const run = testRun(join(directory, 'run'));
  const logs = join(directory, 'logs');
  const path = (): string => join(logs, 'bandit', readdirSync(join(logs, 'bandit'))[0] ?? '');
  return {
    run,
    async record() {
      const session = await new TensorboardTracker(logs, logger('test')).open(run);
      await session.write(run.events, new AbortController().signal);
    },
    path,
    read: () => readRecords(readFileSync(path())).records.map(decodeTensorboardEvent),
  };
}

/** Returns the steps with points, with their attempts. */
function stepsOf(events: readonly TensorboardEvent[]): string[] {
  return events.flatMap(({ step, values = [] }) =>
    values.flatMap((value) => (value.tag === attemptName && 'scalar' in value ? [`${step}.${value.scalar}`] : [])),
  );
}

test('points have the declared names, the values and the times of the steps', async (t) => {
  const { run, record, read, path } = await place(t);
  beforeTheKill(run);
  await record();
  assert.match(path(), /events\.out\.tfevents\.1769860800\.gapo$/);
  const [version, configuration, state, first, second] = read();
  assert.equal(version?.fileVersion, 'brain.Event:2');
  assert.match(JSON.stringify(configuration?.values), /gapo\.configuration.*name: bandit/);
  assert.deepEqual(state?.values, [{ tag: 'gapo.state', text: 'starting to running' }]);
  assert.deepEqual([first?.step, first?.wallTime], [1, 1769860802]);
  const values = new Map(first?.values?.map((value) => [value.tag, 'scalar' in value ? value.scalar : undefined]));
  assert.equal(values.get('rl.environment.reward.mean/short'), 1.25);
  assert.equal(values.get('gapo.gram.cosine/letters/short'), -0.125);
  assert.equal(values.get('gapo.run.phase.duration/sampling'), 1);
  assert.equal(values.get('gapo.kl'), 0.0625);
  assert.equal(values.has('gapo.reward.accuracy/short'), false, 'what a step did not measure has no point');
  assert.deepEqual(
    second?.values?.find(({ tag }) => tag === 'gapo.kl'),
    { tag: 'gapo.kl', scalar: NaN },
  );
});

test('a process that continues repeats nothing, and marks a step that is repeated with another outcome', async (t) => {
  const { run, record, read, path } = await place(t);
  beforeTheKill(run);
  await record();
  afterTheKill(run);
  await record();
  assert.deepEqual(stepsOf(read()), ['1.0', '2.0', '2.1', '3.0']);
  const restarts = read().filter((event) => event.restarts);
  assert.deepEqual(restarts.map(({ step }) => step), [2]); // prettier-ignore
  const texts = read().flatMap(({ values = [] }) => values.flatMap((value) => ('text' in value ? [value.text] : [])));
  assert.deepEqual(texts.slice(1), [
    'starting to running',
    'running to paused: paused by a user',
    'paused to running',
    'from step 3: letters 0.7, short 0.3 (ada)',
    'running to succeeded',
  ]);
  const { size } = statSync(path());
  await record();
  assert.equal(statSync(path()).size, size);
});

test('what a killed process left of a record is removed, and the points are written again', async (t) => {
  const { run, record, read, path } = await place(t);
  beforeTheKill(run);
  await record();
  const whole = readFileSync(path());
  for (const lost of [1, 20, 500]) {
    truncateSync(path(), whole.length - lost);
    await record();
    assert.deepEqual(stepsOf(read()), ['1.0', '2.0'], `${lost} bytes lost`);
    assert.deepEqual(readFileSync(path()), whole);
  }
  appendFileSync(path(), Buffer.alloc(37)); // as a power cut might leave it
  await record();
  assert.deepEqual(readFileSync(path()), whole);
});
