// The log of a run's steps: what was appended is read in order, a few reports at a time, even after a rewind.
import assert from 'node:assert/strict';
import { appendFile, mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { StepReport } from '@gapo/rpc';
import { temporaryDirectory } from '@gapo/service/testing';
import { RunDirectory } from './runDirectory.js';
import { StepLog } from './stepLog.js';

/** @param seconds distinguishes reports of the same step */
function report(step: number, seconds = step): StepReport {
  return { step, seconds, objectives: [{ name: 'é👋', rewardMean: NaN }], traceId: '' } as unknown as StepReport;
}

async function directoryOf(t: TestContext): Promise<RunDirectory> {
  const path = join(await temporaryDirectory(t), 'run');
  await mkdir(path);
  return new RunDirectory(path, { assertHeld: () => undefined });
}

const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);
const steps = (reports: Iterable<StepReport>): number[] => [...reports].map(({ step }) => step);

test('reports are read as they were written, by this process and the next', async (t) => {
  const directory = await directoryOf(t);
  const log = new StepLog(directory);
  assert.deepEqual([log.length, log.recent, [...log.after(0)]], [0, [], []]);
  assert.equal(log.rewindTo(0, undefined), false, 'there is no file yet');
  for (const step of range(1, 100)) log.append(report(step));
  for (const each of [log, new StepLog(directory)]) {
    assert.deepEqual(
      [...each.after(0)],
      range(1, 100).map((step) => report(step)),
    );
    assert.deepEqual([steps(each.after(97)), steps(each.after(100))], [[98, 99, 100], []]);
    assert.deepEqual([each.length, steps(each.recent)], [100, range(91, 100)]);
  }
});

test('a run that is set back drops later reports and a truncated line, and adds a missing report', async (t) => {
  const directory = await directoryOf(t);
  const path = join(directory.path, 'steps.jsonl');
  const first = new StepLog(directory);
  for (const step of range(1, 50)) first.append(report(step));
  await appendFile(path, JSON.stringify(report(51)).slice(0, 20));

  const log = new StepLog(directory);
  assert.equal(log.length, 50);
  assert.equal(log.rewindTo(51, report(51)), true);
  assert.equal(log.rewindTo(51, report(51)), false);
  assert.deepEqual([steps(log.after(0)), steps(log.recent)], [range(1, 51), range(42, 51)]);

  assert.equal(log.rewindTo(4, report(4)), false);
  assert.deepEqual([steps(log.after(0)), steps(log.recent)], [range(1, 4), range(1, 4)]);
  log.append(report(5, 0.5));
  const lines = (await readFile(path, 'utf8')).split('\n');
  assert.deepEqual([lines.length, lines.at(-1), [...new StepLog(directory).after(4)]], [6, '', [report(5, 0.5)]]);

  assert.equal(log.rewindTo(0, undefined), false);
  assert.deepEqual([log.length, log.recent, await readFile(path, 'utf8')], [0, [], '']);
});

test('a reader gets the reports that the log has while it reads', async (t) => {
  const log = new StepLog(await directoryOf(t));
  for (const step of range(1, 100)) log.append(report(step));
  const reading = log.after(0);
  const read = range(1, 10).map(() => reading.next().value?.seconds);
  log.append(report(101));
  log.rewindTo(40, undefined);
  for (const step of range(41, 60)) log.append(report(step, -step));
  const rest = [...reading].map(({ seconds }) => seconds);
  assert.deepEqual([...read, ...rest], [...range(1, 40), ...range(41, 60).map((step) => -step)]);
});

test('a reader gets the reports that the log has when it asks', async (t) => {
  const log = new StepLog(await directoryOf(t));
  log.append(report(1));
  const reading = log.after(0);
  const none = log.after(1);
  log.append(report(2));
  assert.deepEqual([steps(reading), steps(none)], [[1], []]);
});

test('a file that others change is refused, and nothing is written over it', async (t) => {
  const directory = await directoryOf(t);
  const path = join(directory.path, 'steps.jsonl');
  const log = new StepLog(directory);
  for (const step of range(1, 50)) log.append(report(step));
  const whole = await readFile(path, 'utf8');
  const refused = (step: number): object => ({
    name: 'UserError',
    message:
      `${path} was changed by another program, or is damaged, from the report of step ${step} on; ` +
      'restore the file, or restart the coordinator to read it as it is',
  });
  await truncate(path, Buffer.byteLength(whole) - 300);
  const shorter = await readFile(path, 'utf8');
  const last = shorter.split('\n').length;
  assert.throws(() => log.rewindTo(50, undefined), refused(last));
  assert.throws(() => steps(log.after(0)), refused(last));
  assert.deepEqual([await readFile(path, 'utf8'), log.length, log.recent.at(-1)?.step], [shorter, 50, 50]);
  await writeFile(path, whole.replaceAll('{', '['));
  assert.throws(() => log.rewindTo(50, undefined), refused(41));
  await writeFile(path, whole);
  assert.deepEqual([log.rewindTo(50, undefined), steps(log.after(0))], [false, range(1, 50)]);
});

test('a line that is not a report is an error that names it; empty lines are passed over', async (t) => {
  const directory = await directoryOf(t);
  const path = join(directory.path, 'steps.jsonl');
  const line = JSON.stringify(report(1));
  await writeFile(path, `\n${line}\n\n${JSON.stringify(report(2))}\n`);
  const log = new StepLog(directory);
  assert.deepEqual(steps(log.after(0)), [1, 2]);
  log.rewindTo(2, undefined);
  log.append(report(3));
  for (const each of [log, new StepLog(directory)]) assert.deepEqual(steps(each.after(0)), [1, 2, 3]);
  // A report that cannot be sent is invalid too.
  const unsendable = [{ tokens: '1-2' }, { objectives: [{ name: 'short', cosines: 1 }] }];
  const wrongs = unsendable.map((fields) => JSON.stringify({ ...report(1), ...fields }));
  for (const wrong of ['{"step": 0}', ...wrongs]) {
    await writeFile(path, `${line}\n${wrong}\n`);
    assert.throws(() => new StepLog(directory), {
      name: 'UserError',
      message: `${path}:2 is not a valid line; remove it`,
    });
  }
});
