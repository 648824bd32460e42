import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, describe, test } from 'node:test';
import { RpcError, type Client, checkHealth, connect, serve } from '@gapo/rpc';
import { ClassifierScorer } from './onnx/classifierScorer.js';
import { type TinyOptions, tinyLogits, tinyTokens, writeTinyClassifier } from './onnx/tinyClassifier.js';
import type { Scorer } from './scorer.js';
import { maxBatch, rewardService } from './server.js';

type Reward = Client<'gapo.reward.v1.RewardService'>;

const deadlineMs = 20_000;

async function served(t: TestContext, scorer: Scorer): Promise<Reward> {
  const server = await serve({ address: '127.0.0.1:0', services: [rewardService(scorer)], shutdownGraceMs: 0 });
  const client = connect('gapo.reward.v1.RewardService', server.address);
  t.after(async () => {
    client.close();
    await server.stop();
    await scorer.close();
  });
  return client;
}

async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'gapo-reward-'));
  t.after(() => rm(directory, { recursive: true }));
  return directory;
}

async function classifier(t: TestContext, options: TinyOptions = {}): Promise<Reward> {
  const directory = await temporaryDirectory(t);
  await writeTinyClassifier(directory, options);
  return served(t, await ClassifierScorer.open({ directory, threads: 1 }));
}

const prompts = ['How do I reset my password?', '', 'Ünïcode 漢字 🙂', 'a'];
const completions = ['Open the settings, then choose "reset".', '', 'No.', '𝒻𝑜𝓊𝓃𝒹 it 🙂', 'x'.repeat(60)];
const items = prompts.flatMap((prompt, p) =>
  completions.map((completion, c) => ({ id: `${p}.${c}`, prompt, completion })),
);

describe('a classifier behind gRPC', () => {
  test('scores are those of the model, in the order of the items, empty and non-Latin texts included', async (t) => {
    const client = await classifier(t);
    const { results } = await client.Score({ items }, { deadlineMs });
    assert.deepEqual(
      results.map(({ id }) => id),
      items.map(({ id }) => id),
    );
    for (const [index, { score }] of results.entries()) {
      const { prompt, completion } = items[index] as (typeof items)[number];
      const [expected] = tinyLogits(tinyTokens(prompt, completion));
      assert.ok(score !== undefined && Math.abs(score - (expected as number)) < 1e-5, `${index}: ${score} ${expected}`);
    }
  });

  test('a score does not depend, in any bit, on what else is in the batch', async (t) => {
    const client = await classifier(t);
    const together = await client.Score({ items }, { deadlineMs });
    const reversed = await client.Score({ items: items.toReversed() }, { deadlineMs });
    assert.deepEqual(reversed.results.toReversed(), together.results);
    for (const [index, item] of items.entries()) {
      const alone = await client.Score({ items: [item] }, { deadlineMs });
      assert.deepEqual(alone.results, [together.results[index]]);
    }
  });

  test('Describe says what config.json says, and the version is that of the scores', async (t) => {
    const client = await classifier(t, {
      config: { gapo_reward: { objective: 'mild', orientation: 'lower', minimum: -9 } },
    });
    const described = await client.Describe({}, { deadlineMs });
    assert.equal(described.objective, 'mild');
    assert.equal(described.orientation, 'ORIENTATION_LOWER_IS_BETTER');
    assert.equal(described.minimum, -9);
    assert.equal(described.maximum, undefined);
    assert.equal(described.threshold, undefined);
    assert.equal(described.maxBatch, maxBatch);
    assert.equal(described.maxTokens, 128);
    assert.match(described.version, /^[0-9a-f]{64}\+[0-9a-f]{16}$/);
    const { version, results } = await client.Score({ items: [] }, { deadlineMs });
    assert.equal(version, described.version);
    assert.deepEqual(results, []);
  });
});
