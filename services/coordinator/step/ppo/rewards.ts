/** From scores, which reward services give, to rewards, which training maximises. */
import { combinerSettings, type ObjectiveConfig, type RunConfig } from '@gapo/config';
import { at, deriveSeed, normal } from '@gapo/numeric';
import { combinerOf } from '@gapo/objectives';
import type { Sample } from '../../data/batch.js';
import type { ObjectiveScores } from '../../scoring/scoring.js';

/** One objective's reward of each completion; undefined where the objective did not score it. */
export type Rewards = readonly (number | undefined)[];

/**
 * Returns the rewards of a step: K arrays, in the order of `objectives`.
 *
 * A reward is `scale · score`, where training may get noise on the score and a threshold in place of it; a method then
 * transforms it as it requires. The noise is a function of the run's seed, the objective's name, the step, the prompt and
 * the sample, so a step that is repeated gets the same.
 *
 * @param samples every completion of the step
 * @param scored one entry per objective, with a value per completion
 */
export function rewardsOf(
  config: RunConfig,
  step: number,
  samples: readonly Pick<Sample, 'prompt' | 'sample'>[],
  scored: readonly Pick<ObjectiveScores, 'values'>[],
): Rewards[] {
  const combiner = combinerOf(config.combine.method);
  return config.objectives.map((objective, k) => {
    const seed = deriveSeed(config.seed, `noise on ${objective.name}`);
    return at(scored, k).values.map((score, i) => {
      if (score === undefined) return undefined;
      const { prompt, sample } = at(samples, i);
      const noise = objective.noise === undefined ? 0 : objective.noise * normal(seed, step, prompt, sample);
      const own = trainingScore(objective, score + noise);
      return combiner.reward?.(combinerSettings(config), objective.name, own) ?? own;
    });
  });
}

function trainingScore({ threshold, scale = 1 }: ObjectiveConfig, score: number): number {
  return scale * (threshold === undefined ? score : Number(score >= threshold));
}
