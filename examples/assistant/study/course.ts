/** How a run went, by the reports of its steps. */
import { existsSync, readFileSync } from 'node:fs';
import { mean } from '@gapo/numeric';
import type { ObjectiveReportJson, StepReportJson } from '@gapo/rpc';
import { objectives } from './methods.js';

/** How a run went. */
export interface Course {
  /** Geometric mean over the steps of ‖g_helpful‖ / ‖g_harmless‖; undefined if a step did not measure both. */
  readonly gradientRatio: number | undefined;
  /** The mean rewards of the completions of each step, in the order of `objectives`. */
  readonly rewards: readonly (readonly number[])[];
}

/**
 * Reads how a run went; undefined if there are no reports.
 *
 * @param path of the run's `steps.jsonl`
 */
export function courseOf(path: string): Course | undefined {
  if (!existsSync(path)) return undefined;
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  const steps = lines.map((line) => {
    const report = JSON.parse(line) as StepReportJson;
    return objectives.map((name) => report.objectives.find((each) => each.name === name));
  });
  const each = (of: (objective: ObjectiveReportJson) => number | null): number[][] =>
    steps.map((step) => step.map((objective) => (objective && of(objective)) ?? NaN));
  const logs = each(({ gradientNorm }) => gradientNorm).map(([helpful = NaN, harmless = NaN]) =>
    Math.log(helpful / harmless),
  );
  return {
    gradientRatio: logs.every(Number.isFinite) ? Math.exp(mean(logs)) : undefined,
    rewards: each(({ rewardMean }) => rewardMean),
  };
}

/** Returns the number of steps from the first on whose completions had the same mean rewards in two runs. */
export function sameSteps(a: Pick<Course, 'rewards'>, b: Pick<Course, 'rewards'>): number {
  const differs = a.rewards.findIndex((step, i) => step.some((reward, k) => reward !== b.rewards[i]?.[k]));
  return differs === -1 ? a.rewards.length : differs;
}
