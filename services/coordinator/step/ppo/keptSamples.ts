/** The completions of a step that are stored for people to read, with their scores and the advantages used in training. */
import { objectiveNames, sampleLimits } from '@gapo/config';
import { at } from '@gapo/numeric';
import type { SampleScoreInput } from '@gapo/rpc';
import { chosenSamples, columnMean, type StepSamples } from '../../data/keptSamples.js';
import { preferenceOf, withOriginalPrompts } from '../context/conditioning.js';
import type { StepContext } from '../context/stepContext.js';
import type { LearningSignal } from '../updates/lossInputs.js';
import type { Experience } from './experience.js';

/** Returns the completions to store; undefined if the run keeps none. */
export function keptSamples(
  { config, step }: Pick<StepContext, 'config' | 'step'>,
  experience: Pick<Experience, 'batch' | 'drawn' | 'levels' | 'sampledVersion' | 'samples' | 'scored' | 'used'>,
  { perToken, advantages, scalar }: LearningSignal,
): StepSamples | undefined {
  const limits = sampleLimits(config);
  if (limits === undefined) return undefined;
  const { batch, drawn, levels, sampledVersion: version, samples, scored, used } = experience;
  const names = objectiveNames(config);
  const rowOf = new Map(used.map((index, row) => [index, row]));
  const failures = scored.objectives.map((of) => new Map(of.failures.map(({ index, message }) => [index, message])));
  const firstToken = [0];
  for (const length of batch.lengths) firstToken.push(at(firstToken, firstToken.length - 1) + length);
  /** The rows of a completion's advantages; undefined if the step did not train on it. */
  const rowsOf = (index: number): [start: number, end: number] | undefined => {
    const row = rowOf.get(index);
    if (row === undefined) return undefined;
    return perToken ? [at(firstToken, row), at(firstToken, row + 1)] : [row, row + 1];
  };
  const meanOf = (matrix: Float64Array, columns: number, column: number, index: number): number | undefined => {
    const rows = rowsOf(index);
    return rows && columnMean(matrix, columns, column, ...rows);
  };
  const perTokenOf = (index: number): number[][] | undefined => {
    const rows = rowsOf(index);
    if (!perToken || rows === undefined) return undefined;
    const [start, end] = rows;
    const [matrix, columns] = scalar === undefined ? [advantages, names.length] : [scalar, 1];
    return Array.from({ length: end - start }, (_, i) => [
      ...matrix.subarray((start + i) * columns, (start + i + 1) * columns),
    ]);
  };
  const scoreOf = (objective: string, k: number, index: number): SampleScoreInput => {
    const score = scored.objectives[k]?.values[index];
    const advantage = meanOf(advantages, names.length, k, index);
    return {
      objective,
      ...(score === undefined ? { failure: failures[k]?.get(index) ?? 'no score' } : { score }),
      ...(advantage !== undefined && { advantage }),
    };
  };
  const named = (shares: readonly number[]): Record<string, number> =>
    Object.fromEntries(names.map((name, k) => [name, at(shares, k)]));
  const kept = chosenSamples(withOriginalPrompts(samples, drawn), limits.perStep).map(({ index, promptId }) => {
    const sample = at(samples, index);
    return {
      sample,
      promptId,
      promptText: at(drawn, sample.prompt).record.text,
      scores: names.map((objective, k) => scoreOf(objective, k, index)),
      advantage: scalar && meanOf(scalar, 1, 0, index),
      tokenAdvantages: perTokenOf(index),
      preference: levels && named(preferenceOf(at(levels, sample.prompt))),
    };
  });
  return { step, version, sampled: samples.length, kept };
}
