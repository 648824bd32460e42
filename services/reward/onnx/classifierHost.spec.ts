import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { at } from '@gapo/numeric';
import { type Scorer, maxBatch } from '@gapo/reward';
import { type RewardClient, served } from '@gapo/reward/testing';
import { checkHealth } from '@gapo/rpc';
import { type Owner, temporaryDirectory } from '@gapo/service/testing';
import { readClassifierConfig } from './classifierConfig.js';
import { ClassifierHost } from './classifierHost.js';
import { scoringDigest } from './fingerprint.js';
import { type TinyOptions, tinyLogits, tinyTokens, writeTinyClassifier } from './tinyClassifier.fixture.js';

/** Calls have no deadline because the machine may be busy. */
const deadlineMs = Infinity;

async function opened(t: Owner, options: TinyOptions = {}): Promise<Scorer> {
  const directory = await temporaryDirectory(t);
  await writeTinyClassifier(directory, options);
  const host = await ClassifierHost.open([{ directory }], { threads: 1 });
  return at(host.scorers, 0);
}

async function classifier(t: Owner, options: TinyOptions = {}): Promise<RewardClient> {
  return served(t, await opened(t, options));
}

const prompts = ['How do I reset my password?', '', 'Ünïcode 漢字 🙂', 'a'];
const completions = ['Open the settings, then choose "reset".', '', 'No.', '𝒻𝑜𝓊𝓃𝒹 it 🙂', 'x'.repeat(60)];
const items = prompts.flatMap((prompt, p) =>
  completions.map((completion, c) => ({ id: `${p}.${c}`, prompt, completion })),
);

function near(found: number | undefined, expected: number | undefined): void {
  assert.ok(found !== undefined && expected !== undefined, `found ${found}, expected ${expected}`);
  assert.ok(Math.abs(found - expected) < 1e-5, `found ${found}, expected ${expected}`);
}

describe('a classifier behind gRPC', () => {
  const closing: (() => Promise<void>)[] = [];
  let client: RewardClient;
  before(async () => {
    client = await classifier({ after: (close) => void closing.push(close) });
  });
  after(async () => {
    for (const close of closing) await close();
  });

  test('scores are those of the model, in the order of the items, empty and non-Latin texts included', async () => {
    const { results } = await client.Score({ items }, { deadlineMs });
    assert.deepEqual(
      results.map(({ id }) => id),
      items.map(({ id }) => id),
    );
    for (const [index, { prompt, completion }] of items.entries()) {
      near(results[index]?.score, tinyLogits(tinyTokens(prompt, completion))[0]);
    }
  });

  test('a score does not depend on the rest of the batch, bit for bit', async () => {
    const together = await client.Score({ items }, { deadlineMs });
    const reversed = await client.Score({ items: items.toReversed() }, { deadlineMs });
    assert.deepEqual(reversed.results.toReversed(), together.results);
    for (const [index, item] of items.entries()) {
      const alone = await client.Score({ items: [item] }, { deadlineMs });
      assert.deepEqual(alone.results, [together.results[index]]);
    }
  });

  test('a full batch is scored, and one item more is refused with the limit', async () => {
    const many = Array.from({ length: maxBatch + 1 }, (_, i) => ({ id: `${i}`, prompt: 'p', completion: `${i}` }));
    const { results } = await client.Score({ items: many.slice(0, maxBatch) }, { deadlineMs });
    assert.equal(results.length, maxBatch);
    near(results[200]?.score, tinyLogits(tinyTokens('p', '200'))[0]);
    await assert.rejects(client.Score({ items: many }, { deadlineMs }), {
      code: 'INVALID_ARGUMENT',
      details: 'items: found 257 items, expected at most 256 (max_batch of Describe); split the batch',
    });
  });

  test('empty and duplicate ids are refused with their place', async () => {
    const item = { id: 'a', prompt: '', completion: '' };
    await assert.rejects(client.Score({ items: [item, { ...item, id: '' }] }, { deadlineMs }), {
      code: 'INVALID_ARGUMENT',
      details: 'items[1].id: found an empty id, expected one for each item',
    });
    await assert.rejects(client.Score({ items: [item, { ...item, id: 'b' }, item] }, { deadlineMs }), {
      code: 'INVALID_ARGUMENT',
      details: 'items[2].id: found "a" a second time, first at items[0]; expected distinct ids',
    });
  });

  test('a prompt that is too long is truncated on the left; a completion that is too long has no score', async () => {
    const prompt = `${'x'.repeat(5000)}${'🙂 hello '.repeat(30)}`;
    const completion = 'y'.repeat(20);
    const long = [
      { id: 'prompt', prompt, completion },
      { id: 'completion', prompt, completion: 'y'.repeat(126) },
      { id: 'just', prompt, completion: 'y'.repeat(125) },
    ];
    const { results } = await client.Score({ items: long }, { deadlineMs });
    // 128 tokens minus four for the template and 20 for the completion leave 104 bytes of whole
    // characters.
    let kept = [...prompt];
    while (Buffer.byteLength(kept.join('')) > 104) kept = kept.slice(1);
    near(results[0]?.score, tinyLogits(tinyTokens(kept.join(''), completion))[0]);
    assert.deepEqual(results[1]?.error, {
      message: 'the completion alone is longer than max_tokens 128; shorten it to be scored',
      retryable: false,
    });
    assert.equal(results[1]?.score, undefined);
    assert.equal(results[2]?.error?.retryable, false);
  });

  test('a score that is not finite is an error of its item alone', async (t) => {
    const client = await classifier(t, { brokenByte: '!'.charCodeAt(0) });
    const pair = [
      { id: 'sound', prompt: 'p', completion: 'fine' },
      { id: 'broken', prompt: 'p', completion: 'oh!' },
    ];
    const { results } = await client.Score({ items: pair }, { deadlineMs });
    near(results[0]?.score, tinyLogits(tinyTokens('p', 'fine'))[0]);
    assert.deepEqual(results[1]?.error, { message: 'the score is NaN, not a finite number', retryable: false });
    assert.equal(results[1]?.score, undefined);
  });

  test('of several labels, the named one is scored by its log-odds against the rest', async (t) => {
    const config = {
      id2label: { 0: 'bad', 1: 'fair', 2: 'good' },
      gapo_reward: { objective: 'quality', label: 'good' },
    };
    const client = await classifier(t, { labels: 3, config });
    const { results } = await client.Score({ items: [{ id: 'a', prompt: 'p', completion: 'c' }] }, { deadlineMs });
    const [bad, fair, good] = tinyLogits(tinyTokens('p', 'c'), 3) as [number, number, number];
    near(results[0]?.score, good - Math.log(Math.exp(bad) + Math.exp(fair)));
  });

  test('Describe follows config.json, and scores state the version that computed them', async (t) => {
    const reward = { objective: 'mild', orientation: 'lower_is_better', minimum: -9 };
    const client = await classifier(t, { config: { gapo_reward: reward } });
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

  test('the version changes only with what decides a score', async (t) => {
    const versionWith = async (reward: object): Promise<string> => {
      const scorer = await opened(t, { config: { gapo_reward: { objective: 'x', ...reward } } });
      await scorer.close();
      return scorer.description.version;
    };
    const version = await versionWith({});
    assert.equal(await versionWith({ threshold: 1 }), version);
    assert.notEqual(await versionWith({ max_tokens: 64 }), version);
  });

  test('ignore_keys leaves out keys of tokenizer_config.json that transformers would follow', async (t) => {
    const directory = await temporaryDirectory(t);
    const reward = { objective: 'x' };
    await writeTinyClassifier(directory, { config: { gapo_reward: reward } });
    const path = join(directory, 'tokenizer_config.json');
    const settings = JSON.parse(await readFile(path, 'utf8')) as object;
    const other = JSON.stringify({ ...settings, tokenizer_class: 'GPT2Tokenizer', add_prefix_space: true });
    await writeFile(path, other);
    await assert.rejects(
      ClassifierHost.open([{ directory }], { threads: 1 }),
      /list add_prefix_space in gapo_reward\.ignore_keys of .*config\.json, to follow tokenizer\.json/,
    );
    await writeTinyClassifier(directory, { config: { gapo_reward: { ...reward, ignore_keys: ['add_prefix_space'] } } });
    await writeFile(path, other);
    const host = await ClassifierHost.open([{ directory }], { threads: 1 });
    t.after(() => host.close());
    const client = await served(t, at(host.scorers, 0));
    const { results } = await client.Score({ items: [{ id: 'a', prompt: 'p', completion: 'c' }] }, { deadlineMs });
    near(results[0]?.score, tinyLogits(tinyTokens('p', 'c'))[0]);
  });

  test('every file that the tokenizer reads decides a score', async (t) => {
    const directory = await temporaryDirectory(t);
    await writeTinyClassifier(directory, {});
    const digest = async (): Promise<string> => scoringDigest(directory, await readClassifierConfig(directory));
    const digests = [await digest()];
    for (const name of ['special_tokens_map.json', 'added_tokens.json', 'chat_template.json', 'chat_template.jinja']) {
      await writeFile(join(directory, name), '{}');
      digests.push(await digest());
    }
    assert.equal(new Set(digests).size, digests.length);
  });

  test('health answers while a long batch runs, and a cancelled call does not delay the next', async () => {
    const prompt = 'word '.repeat(4000);
    const slow = Array.from({ length: maxBatch }, (_, i) => ({ id: `${i}`, prompt, completion: `${i}` }));
    const settled: string[] = [];
    const cancel = new AbortController();
    // Fills the queue, so that it is still running when the health check has answered, on any machine.
    const calls = Array.from({ length: 16 }, () =>
      client.Score({ items: slow }, { deadlineMs: Infinity, signal: cancel.signal }),
    );
    const batch = Promise.all(calls).finally(() => settled.push('batch'));
    batch.catch(() => undefined);
    for (let look = 0; look < 5; look++) assert.equal(await checkHealth(client.target, deadlineMs), 'SERVING');
    settled.push('health');
    cancel.abort();
    await assert.rejects(batch, { code: 'CANCELLED' });
    assert.deepEqual(settled, ['health', 'batch']);
    const { results } = await client.Score({ items: items.slice(0, 1) }, { deadlineMs });
    assert.equal(typeof results[0]?.score, 'number');
  });
});
