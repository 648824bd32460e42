// The completions that a run keeps: with every score and advantage, written in the background, without affecting what it
// computes.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { injectFaults } from '@gapo/faults';
import { at } from '@gapo/numeric';
import type { ListSamplesRequestInput, ListSamplesResponse } from '@gapo/rpc';
import {
  count,
  createRunHeldAt,
  deadlineMs,
  runYaml,
  scoring,
  startAll,
  startCoordinator,
  train,
  until,
  type Scorer,
  type TestCoordinator,
} from '../../fixtures/world.fixture.js';

const samplesOf = ({ client }: TestCoordinator, request: ListSamplesRequestInput): Promise<ListSamplesResponse> =>
  client.ListSamples({ runId: 'bandit', ...request }, { deadlineMs });

/** Returns no score for completions without an a. */
const onlyWithA: Scorer = ({ items }) => ({
  results: items.map(({ id, completion }) =>
    completion.includes('a') ? { id, score: -completion.length } : { id, error: { message: 'no a in it' } },
  ),
});

test('each completion has its scores, or why it has none, and the advantages that the step trained on', async (t) => {
  const scorers = { letters: scoring(count('a')), short: onlyWithA };
  const { world, coordinator } = await startAll(t, { scorers });
  const objectives = ['letters', '{ name: short, onFailure: drop }'];
  const config = runYaml({ steps: 3, objectives, extra: 'ppo: { normalizeAdvantages: false }' });
  const { run, reports } = await train(coordinator, world, config);
  const { samples, step, version, sampled, kept, steps, nextPageToken } = await samplesOf(coordinator, {
    step: 2,
    pageSize: 100,
  });
  assert.deepEqual([step, version, sampled, kept, steps, nextPageToken], [2, 1, 32, 32, [1, 2, 3], '']);
  assert.deepEqual(
    samples.map(({ prompt, sample }) => [prompt, sample]),
    Array.from({ length: 32 }, (_, i) => [Math.floor(i / 4), i % 4]),
  );
  const missing = samples.filter(({ completion }) => !completion.includes('a'));
  assert.ok(missing.length > 0 && missing.length < 32, `${missing.length} without a score`);
  for (const { scores } of missing) {
    const [letters, short] = scores;
    assert.deepEqual([letters?.score, short?.score, short?.failure], [0, undefined, 'no a in it']);
    assert.deepEqual([letters?.advantage, short?.advantage], [undefined, undefined], 'the step did not train on it');
  }
  // RLOO: the score minus the mean of the prompt's other completions that have all scores.
  const whole = samples.filter(({ scores }) => scores.every(({ score }) => score !== undefined));
  for (const { prompt, scores } of whole) {
    const group = whole.filter((other) => other.prompt === prompt);
    for (const [k, { score = NaN, advantage }] of scores.entries()) {
      if (group.length === 1) {
        assert.equal(advantage, undefined);
        continue;
      }
      const sum = group.reduce((total, other) => total + (other.scores[k]?.score ?? NaN), 0);
      const expected = score - (sum - score) / (group.length - 1);
      assert.ok(Math.abs((advantage ?? NaN) - expected) < 1e-5, `${advantage} is not ${expected}`);
    }
  }
  const tokens = reports[1]?.tokens;
  const trained = whole.filter(({ scores }) => scores[0]?.advantage !== undefined);
  assert.equal(
    trained.reduce((total, sample) => total + sample.tokens, 0),
    tokens,
  );
  assert.ok(samples.every(({ logprob, cut }) => logprob < 0 && !cut));
  const { sample: one } = await coordinator.client.GetSample(
    { runId: 'bandit', step: 2, prompt: 3, sample: 1 },
    { deadlineMs },
  );
  const listed = at(samples, 13);
  assert.equal(one?.tokenList.length, listed.tokens);
  assert.ok(one.tokenList.map(({ text }) => text).join('').startsWith(listed.completion)); // prettier-ignore
  const sum = one.tokenList.reduce((total, { logprob }) => total + logprob, 0);
  assert.ok(Math.abs(sum - listed.logprob) < 1e-4 * listed.tokens);

  const other = await train(coordinator, world, `${config}samples: off\n`, 'without');
  assert.equal(other.run.versionSha256, run.versionSha256, 'keeping completions changes nothing');
  assert.deepEqual((await samplesOf(coordinator, { runId: 'without' })).steps, []);
});

test('a run that is interrupted keeps the completions of each step once, the same as an undisturbed one', async (t) => {
  const { world, coordinator: first } = await startAll(t);
  const config = runYaml({ steps: 4, extra: 'samples: { perStep: 6, keep: 3 }' });
  await train(first, world, config, 'whole');
  const release = await createRunHeldAt(first, world, config, 4);
  const stopping = first.stop(5000);
  release();
  await stopping;
  const next = await startCoordinator(t, world);
  await until(next, 'bandit', 'RUN_STATE_SUCCEEDED');
  const contents = async (id: string): Promise<[string, string][]> => {
    const folder = join(world.directory, 'runs', id, 'samples');
    const names = (await readdir(folder)).sort();
    return Promise.all(
      names.map(async (name) => [name, await readFile(join(folder, name), 'latin1')] as [string, string]),
    );
  };
  assert.deepEqual(await contents('bandit'), await contents('whole'));
  const expected = [1, 3, 4].flatMap((step) => [`step-00000${step}.jsonl`, `step-00000${step}.tokens`]);
  assert.deepEqual(
    (await contents('whole')).map(([name]) => name),
    expected,
  );
});

test('a disk that refuses them does not stop training', async (t) => {
  const { world, coordinator } = await startAll(t);
  injectFaults('file.write[samples/]=error:ENOSPC@4');
  t.after(() => void injectFaults(''));
  const { run } = await train(coordinator, world, runYaml({ steps: 3 }));
  assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
  assert.deepEqual((await samplesOf(coordinator, {})).steps, [1, 3]);
});
