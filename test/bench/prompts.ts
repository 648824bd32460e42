/**
 * Savings from completions that share a prompt, relative to the same number of completions of different prompts of the
 * same length.
 */
import { Evaluator, GradientEngine, type ShardInput } from '@gapo/policy';
import { benchDecoder, benchTrainable, benchVersion, randomIds } from './decoder.js';
import { shardOf } from './engine.js';

const threadCount = 2;
const rounds = 5;
const count = 32;
const completionLength = 48;
/** Tokens per prompt, and completions per prompt. */
const shapes = [
  { prompt: 32, each: 4 },
  { prompt: 256, each: 8 },
] as const;
const objectiveCounts = [1, 2] as const;

/**
 * Measures in one process and one run, on 32 completions of 48 tokens; every figure is the best of several rounds in which
 * all kinds of passes alternate, because other processes only ever add time. P is the number of tokens in a prompt.
 *
 * - `prompts.forward.P`: the time for log-probabilities of completions of different prompts, divided by the time if each
 *   prompt has 4 or 8.
 * - `prompts.gradients.P.K`: the same for the gradients of K objectives.
 * - `prompts.rows.P`: the ratio of rows without and with sharing, an upper bound for both.
 */
export async function promptsBench(): Promise<Record<string, number>> {
  const model = benchDecoder();
  const version = benchVersion(model);
  const options = { threads: threadCount };
  const engine = new GradientEngine(model, benchTrainable, options);
  const evaluator = await Evaluator.open(model, benchTrainable, options);
  const kinds: Record<string, () => Promise<unknown>> = {};
  for (const { prompt, each } of shapes) {
    for (const [which, sharing] of [
      ['own', 1],
      ['shared', each],
    ] as const) {
      const sequences = completions(prompt, sharing);
      kinds[`forward.${prompt}.${which}`] = () => evaluator.evaluate(version, sequences, 1);
      for (const k of objectiveCounts)
        kinds[`gradients.${prompt}.${k}.${which}`] = () => engine.compute(version, shardOf(sequences, k, 'sequence'));
    }
  }
  const best = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(kinds)) {
      const began = performance.now();
      await run();
      best.set(name, Math.min(best.get(name) ?? Infinity, performance.now() - began));
    }
  }
  await Promise.all([engine.close(), evaluator.close()]);
  const gain = (name: string): number => (best.get(`${name}.own`) as number) / (best.get(`${name}.shared`) as number);
  return Object.fromEntries(
    shapes.flatMap(({ prompt, each }) => [
      [`prompts.rows.${prompt}`, (prompt + completionLength) / (prompt / each + completionLength)],
      [`prompts.forward.${prompt}`, gain(`forward.${prompt}`)],
      ...objectiveCounts.map((k) => [`prompts.gradients.${prompt}.${k}`, gain(`gradients.${prompt}.${k}`)] as const),
    ]),
  );
}

/** Completions ordered by prompt, `each` per prompt. */
function completions(prompt: number, each: number): ShardInput['sequences'] {
  return Array.from({ length: count }, (_, b) => ({
    promptIds: randomIds(Math.floor(b / each), prompt),
    completionIds: randomIds(1000 + b, completionLength),
  }));
}
