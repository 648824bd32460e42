import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type TrainableSpec, initialTensors } from '@gapo/model';
import { Evaluator } from '../evaluator.js';
import type { SamplingOptions } from './options.js';
import type { SampledCompletion } from './rows.js';
import { Sampler } from './sampler.js';
import { tinyConfig, tinyModel } from '../tinyModel.fixture.js';

const model = tinyModel();
const spec: TrainableSpec = {
  lora: { rank: 2, alpha: 4, targets: ['q_proj', 'v_proj', 'o_proj', 'up_proj'] },
  valueHeads: 0,
};
const version = initialTensors(tinyConfig, spec, 5, model.weights).map(({ name, shape, data }, index) => ({
  name,
  shape,
  data: data.map((x, i) => (x === 0 ? 0.2 * Math.sin(i + index) : x)),
}));
const prompts = [
  { index: 0, ids: [1] },
  { index: 7, ids: [1, 5, 6, 9] },
  { index: 3, ids: [1, 4, 8] },
];
const options: SamplingOptions = { temperature: 0.7, maxNewTokens: 6, samplesPerPrompt: 3, seed: 11, step: 4 };

async function all(sampler: Sampler, some = prompts, how: SamplingOptions = options): Promise<SampledCompletion[]> {
  const completions: SampledCompletion[] = [];
  for await (const completion of sampler.sample(version, some, how)) completions.push(completion);
  return completions.sort((a, b) => a.prompt - b.prompt || a.sample - b.sample);
}

describe('sampling', () => {
  const sampler = new Sampler(model, spec, { threads: 1 });

  test('every sample of every prompt comes once, ends at the end token or at the limit, and holds the token that ended it', async () => {
    const completions = await all(sampler);
    assert.equal(completions.length, 9);
    assert.deepEqual(
      completions.map(({ prompt, sample }) => `${prompt}.${sample}`),
      ['0.0', '0.1', '0.2', '1.0', '1.1', '1.2', '2.0', '2.1', '2.2'],
    );
    const reasons = new Set(completions.map(({ finishReason }) => finishReason));
    assert.deepEqual([...reasons].sort(), ['length', 'stop'], 'the case has both ends');
    for (const { ids, logprobs, finishReason } of completions) {
      assert.equal(ids.length, logprobs.length);
      assert.equal(ids.indexOf(2), finishReason === 'stop' ? ids.length - 1 : -1);
      assert.ok(finishReason === 'stop' ? ids.length <= 6 : ids.length === 6);
    }
  });

  test('the same request gives the same tokens, from another sampler too', async () => {
    const other = new Sampler(model, spec, { threads: 1 });
    assert.deepEqual(await all(sampler), await all(other));
    await other.close();
  });

  test('seed, step, prompt index and sample index each change the tokens', async () => {
    const ids = async (how: Partial<SamplingOptions>, some = prompts): Promise<string> =>
      JSON.stringify((await all(sampler, some, { ...options, ...how })).map((completion) => completion.ids));
    const base = await ids({});
    assert.notEqual(await ids({ seed: 12 }), base);
    assert.notEqual(await ids({ step: 5 }), base);
    assert.notEqual(
      await ids(
        {},
        prompts.map((prompt) => ({ ...prompt, index: prompt.index + 1 })),
      ),
      base,
    );
    const [first, second] = await all(sampler);
    assert.notDeepEqual(first?.ids, second?.ids);
  });

  test('log-probabilities agree with the evaluator within 1e-4 a token', async () => {
    const completions = await all(sampler);
    const evaluator = await Evaluator.open(model, spec, { threads: 1 });
    const sequences = completions.map(({ prompt, ids }) => ({
      promptIds: prompts[prompt]?.ids ?? [],
      completionIds: ids,
    }));
    const { logprobs } = await evaluator.evaluate(version, sequences, options.temperature);
    const sampled = completions.flatMap((completion) => [...completion.logprobs]);
    assert.equal(logprobs.length, sampled.length);
    const gap = Math.max(...sampled.map((x, i) => Math.abs(x - (logprobs[i] as number))));
    assert.ok(gap < 1e-4, `largest gap ${gap}`);
    await evaluator.close();
  });

  test('tokens are drawn from the distribution that the log-probabilities state', async () => {
    const how = { ...options, temperature: 1, maxNewTokens: 1, samplesPerPrompt: 4000 };
    const counts = new Map<number, { count: number; p: number }>();
    for (const { ids, logprobs } of await all(sampler, prompts.slice(1, 2), how)) {
      const entry = counts.get(ids[0] as number) ?? { count: 0, p: Math.exp(logprobs[0] as number) };
      counts.set(ids[0] as number, { ...entry, count: entry.count + 1 });
    }
    for (const [id, { count, p }] of counts) {
      const deviation = Math.sqrt(4000 * p * (1 - p));
      assert.ok(
        Math.abs(count - 4000 * p) < 5 * deviation + 1,
        `token ${id}: drawn ${count} times, expected ${4000 * p}`,
      );
    }
  });

  test('stops before the next stretch when nobody wants the rest', async () => {
    let asked = 0;
    const how = { ...options, maxNewTokens: 28, temperature: 5, samplesPerPrompt: 20, stopped: () => ++asked > 1 };
    const completions = await all(sampler, prompts, how);
    assert.equal(asked, 2);
    assert.ok(completions.length > 0 && completions.length < 60, 'some needed a second stretch');
  });

  test('temperature 0 takes the most probable token, as a forward pass over the whole sequence finds it', async () => {
    const [greedy] = await all(sampler, prompts.slice(1, 2), { ...options, temperature: 0, samplesPerPrompt: 1 });
    const evaluator = await Evaluator.open(model, spec, { threads: 1 });
    const ids = greedy?.ids ?? [];
    for (let at = 0; at < ids.length; at++) {
      const before = [1, 5, 6, 9, ...ids.slice(0, at)];
      const candidates = Array.from({ length: tinyConfig.vocabulary }, (_, id) => ({
        promptIds: before,
        completionIds: [id],
      }));
      const { logprobs } = await evaluator.evaluate(version, candidates, 1);
      assert.equal(logprobs.indexOf(Math.max(...logprobs)), ids[at], `position ${at}`);
    }
    await evaluator.close();
  });

  test('the model’s context ends a completion', async () => {
    const ids = Array.from({ length: 29 }, () => 5);
    const [completion] = await all(sampler, [{ index: 0, ids }], { ...options, temperature: 0, samplesPerPrompt: 1 });
    assert.ok((completion?.ids.length ?? 0) <= 3);
  });

  test('what cannot be sampled is refused with its reason', async () => {
    const refused = (some: typeof prompts, how: Partial<SamplingOptions>, pattern: RegExp): Promise<void> =>
      assert.rejects(all(sampler, some, { ...options, ...how }), pattern);
    await refused([{ index: 4, ids: [] }], {}, /prompt 4 has no tokens/);
    await refused([{ index: 4, ids: [1, 99] }], {}, /token id 99; the vocabulary has 11/);
    await refused([{ index: 4, ids: Array.from({ length: 32 }, () => 1) }], {}, /32 tokens.*context of 32/);
    await refused(prompts, { temperature: Number.NaN }, /temperature is NaN/);
    await refused(prompts, { maxNewTokens: 0 }, /max_new_tokens is 0/);
  });
});
