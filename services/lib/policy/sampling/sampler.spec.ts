import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type TrainableSpec, initialTensors } from '@gapo/model';
import { mergedElements } from '../decoder/linearMaps.js';
import { Evaluator } from '../evaluator.js';
import { tinyConfig, tinyModel } from '../tinyModel.fixture.js';
import type { SamplingOptions } from './options.js';
import type { SampledCompletion } from './rows.js';
import { Sampler } from './sampler.js';

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

  test('every sample of every prompt appears once, ends at the end token or at the limit, and includes the token that ended it', async () => {
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

  test('the same request gives the same tokens, also from another sampler', async () => {
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

  test('log-probabilities agree with the evaluator within 1e-4 per token', async () => {
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

  test('stops before the next stretch once asked to', async () => {
    let asked = 0;
    const how = { ...options, maxNewTokens: 28, temperature: 5, samplesPerPrompt: 20, stopped: () => ++asked > 1 };
    const completions = await all(sampler, prompts, how);
    assert.equal(asked, 2);
    assert.ok(completions.length > 0 && completions.length < 60, 'some needed a second stretch');
  });

  test('temperature 0 takes the most probable token of a forward pass over the whole sequence', async () => {
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

  test('every option at once: the policy’s log-probabilities are the evaluator’s, and those of the drawn distribution differ', async () => {
    const how = { ...options, topK: 6, topP: 0.9, minP: 0.01, repetitionPenalty: 1.2 };
    const completions = await all(sampler, prompts, how);
    const evaluator = await Evaluator.open(model, spec, { threads: 1 });
    const sequences = completions.map(({ prompt, ids }) => ({
      promptIds: prompts[prompt]?.ids ?? [],
      completionIds: ids,
    }));
    const { logprobs } = await evaluator.evaluate(version, sequences, how.temperature);
    await evaluator.close();
    const sampled = completions.flatMap((completion) => [...completion.logprobs]);
    assert.ok(Math.max(...sampled.map((x, i) => Math.abs(x - (logprobs[i] as number)))) < 1e-4);
    const drawn = completions.flatMap(({ drawnLogprobs }) => [...(drawnLogprobs ?? [])]);
    assert.equal(drawn.length, sampled.length);
    assert.ok(drawn.every((x) => x <= 1e-6));
    assert.ok(
      drawn.some((x, i) => x > (sampled[i] as number) + 0.01),
      'cutting the others makes a token likelier',
    );
  });

  test('without options, tokens are drawn with the policy’s log-probabilities; greedy tokens have probability 1', async () => {
    assert.ok((await all(sampler)).every(({ drawnLogprobs }) => drawnLogprobs === undefined));
    const greedy = await all(sampler, prompts, { ...options, temperature: 0, topK: 3 });
    assert.ok(
      greedy.every(
        ({ ids, drawnLogprobs }) => drawnLogprobs?.length === ids.length && drawnLogprobs.every((x) => x === 0),
      ),
    );
  });

  test('a penalised token becomes rarer within the stretch that drew it, and in the prompt', async () => {
    const repeats = async (how: Partial<SamplingOptions>): Promise<number> => {
      const long = { ...options, maxNewTokens: 24, samplesPerPrompt: 20, temperature: 0.5, ...how };
      const completions = await all(sampler, prompts, long);
      return completions.reduce((total, { prompt, ids }) => {
        const before = new Set(prompts[prompt]?.ids);
        return total + ids.filter((id) => before.size === before.add(id).size).length / ids.length / completions.length;
      }, 0);
    };
    const [free, penalised] = [await repeats({}), await repeats({ repetitionPenalty: 4 })];
    assert.ok(penalised < free - 0.1, `${penalised} of the tokens repeat, ${free} without the penalty`);
  });

  test('rows enter as others end: a shard larger than the batch gets the same tokens', async () => {
    const how = { ...options, maxNewTokens: 20, samplesPerPrompt: 5 };
    const together = await all(sampler, prompts, how);
    for (const batch of [1, 4, 7, 100]) {
      const some = await all(sampler, prompts, { ...how, batch });
      // Rounding depends on which rows are sampled together; no number here is that close to an edge.
      assert.deepEqual(
        some.map(({ ids }) => ids),
        together.map(({ ids }) => ids),
        `batch ${batch}`,
      );
      some.forEach(({ logprobs }, i) =>
        logprobs.forEach((x, at) => assert.ok(Math.abs(x - (together[i]?.logprobs[at] as number)) < 1e-5)),
      );
      assert.deepEqual(
        some,
        await all(new Sampler(model, spec, { threads: 1 }), prompts, { ...how, batch }),
        'to the bit',
      );
    }
  });

  test('a batch of five takes 24 rows in five stretches or more, one of all of them in two', async () => {
    const stretches = async (batch: number): Promise<number> => {
      let asked = 0;
      const how = { ...options, maxNewTokens: 20, samplesPerPrompt: 8, batch, stopped: () => ++asked < 0 };
      assert.equal((await all(sampler, prompts, how)).length, 24);
      return asked;
    };
    assert.ok((await stretches(5)) >= 5);
    assert.equal(await stretches(24), 2);
  });

  test('full training samples with the version’s weights, in agreement with the evaluator', async () => {
    const full: TrainableSpec = { valueHeads: 0 };
    const weights = initialTensors(tinyConfig, full, 5, model.weights).map((tensor, i) => ({
      ...tensor,
      data: tensor.data.map((x, at) => x + 0.05 * Math.sin(at + i)),
    }));
    const trained = new Sampler(model, full, { threads: 1 });
    const completions: SampledCompletion[] = [];
    for await (const completion of trained.sample(weights, prompts, options)) completions.push(completion);
    const evaluator = await Evaluator.open(model, full, { threads: 1 });
    const sequences = completions.map(({ prompt, ids }) => ({
      promptIds: prompts[prompt]?.ids ?? [],
      completionIds: ids,
    }));
    const { logprobs } = await evaluator.evaluate(weights, sequences, options.temperature);
    const sampled = completions.flatMap((completion) => [...completion.logprobs]);
    assert.ok(Math.max(...sampled.map((x, i) => Math.abs(x - (logprobs[i] as number)))) < 1e-4);
    await evaluator.close();
    await trained.close();
  });

  test('weights too large to copy sample in agreement with the evaluator', async () => {
    const config = { ...tinyConfig, width: 1032, feedForward: 1024, layers: 1, windows: [undefined] };
    assert.ok(config.width * config.feedForward > mergedElements);
    const large = tinyModel(config);
    const adapted: TrainableSpec = { lora: { rank: 2, alpha: 4, targets: ['gate_proj', 'down_proj'] }, valueHeads: 0 };
    const weights = initialTensors(config, adapted, 5, large.weights).map(({ name, shape, data }) => ({
      name,
      shape,
      data: data.map((x, i) => (x === 0 ? 0.01 * Math.sin(i) : x)),
    }));
    const reading = new Sampler(large, adapted, { threads: 1 });
    const evaluator = await Evaluator.open(large, adapted, { threads: 1 });
    let tokens = 0;
    for await (const { prompt, ids, logprobs } of reading.sample(weights, prompts, { ...options, temperature: 4 })) {
      const sequence = { promptIds: prompts[prompt]?.ids ?? [], completionIds: ids };
      const expected = (await evaluator.evaluate(weights, [sequence], 4)).logprobs;
      logprobs.forEach((x, i) => assert.ok(Math.abs(x - (expected[i] as number)) < 1e-4, `${x}, ${expected[i]}`));
      tokens += ids.length;
    }
    assert.ok(tokens > 9);
    await evaluator.close();
    await reading.close();
  });

  test('a stop string ends a completion at the token that completes it, across tokens and stretches', async () => {
    const letters = 'abcdefghijk'; // one per token; token 2 ends a sequence
    const decoder = async () => async (ids: readonly number[]) => ids.map((id) => letters[id]).join('');
    const reading = new Sampler(model, spec, { threads: 1, decoder });
    const how = { ...options, maxNewTokens: 28, samplesPerPrompt: 20, temperature: 1 };
    const free = await all(reading, prompts, how);
    const texts = free.map(({ ids }) => ids.map((id) => letters[id]).join(''));
    // Two letters that occur in one completion's first stretch and in another's second.
    const pairs = texts.flatMap((text) =>
      [...text.slice(0, -2)].map((_, at) => ({ pair: text.slice(at, at + 2), at })),
    );
    const stop = pairs.find(({ pair, at }) => at > 20 && texts.some((text) => text.indexOf(pair) < 10))?.pair as string;
    const completions = await all(reading, prompts, { ...how, stop: ['never', stop] });
    const reasons = new Set<string>();
    completions.forEach(({ ids, logprobs, finishReason }, i) => {
      const at = texts[i]?.indexOf(stop) ?? -1;
      const wholly = free[i] as SampledCompletion;
      const end = at < 0 ? wholly.ids.length : at + stop.length;
      assert.deepEqual(ids, wholly.ids.slice(0, end));
      assert.equal(logprobs.length, ids.length);
      assert.equal(
        finishReason,
        at < 0
          ? wholly.finishReason
          : end === wholly.ids.length && wholly.finishReason === 'stop'
            ? 'stop'
            : 'stopString',
      );
      reasons.add(finishReason);
    });
    assert.deepEqual(
      [...reasons].sort(),
      ['length', 'stop', 'stopString'].filter((reason) => reasons.has(reason)),
    );
    assert.ok(reasons.has('stopString'));
    await reading.close();
  });

  test('a request that cannot be sampled is refused with its reason', async () => {
    const refused = (some: typeof prompts, how: Partial<SamplingOptions>, pattern: RegExp): Promise<void> =>
      assert.rejects(all(sampler, some, { ...options, ...how }), pattern);
    await refused([{ index: 4, ids: [] }], {}, /prompt 4 has no tokens/);
    await refused([{ index: 4, ids: [1, 99] }], {}, /token id 99; the vocabulary has 11/);
    await refused([{ index: 4, ids: Array.from({ length: 32 }, () => 1) }], {}, /32 tokens.*context of 32/);
    await refused(prompts, { temperature: Number.NaN }, /temperature is NaN/);
    await refused(prompts, { temperature: Infinity }, /temperature is Infinity/);
    await refused(prompts, { maxNewTokens: 0 }, /max_new_tokens is 0/);
    await refused(prompts, { topK: -1 }, /top_k is -1; it must be a whole number, 0 for all tokens/);
    await refused(prompts, { topK: 1.5 }, /top_k is 1.5/);
    await refused(prompts, { topP: 0 }, /top_p is 0; it must be above 0 and at most 1/);
    await refused(prompts, { topP: 1.1 }, /top_p is 1.1/);
    await refused(prompts, { minP: -0.1 }, /min_p is -0.1; it must be between 0 and 1/);
    await refused(prompts, { repetitionPenalty: 0 }, /repetition_penalty is 0; it must be above 0/);
    await refused(prompts, { batch: 0 }, /batch is 0; it must be 1 or more/);
    await refused(prompts, { stop: ['x', ''] }, /stop\[1\] is a text of 0 characters/);
    await refused(
      prompts,
      { stop: new Array<string>(17).fill('x') },
      /stop is a list of 17 texts; it must be at most 16/,
    );
    await refused(prompts, { stop: ['x'] }, /stop needs a tokenizer/);
  });
});
