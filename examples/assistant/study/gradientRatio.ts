/** How long the gradients of the two objectives were in a run, by the reports of its steps. */
import { existsSync, readFileSync } from 'node:fs';
import { mean } from '@gapo/numeric';
import type { StepReportJson } from '@gapo/rpc';
import { objectives } from './summary.js';

/**
 * Returns the geometric mean over the steps of ‖g_helpful‖ / ‖g_harmless‖; undefined if there are no reports, or a step has not
 * measured both.
 *
 * @param path of the run's `steps.jsonl`
 */
export function gradientRatio(path: string): number | undefined {
  if (!existsSync(path)) return undefined;
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  const logs = lines.map((line) => {
    const report = JSON.parse(line) as StepReportJson;
    const [helpful, harmless] = objectives.map((name) => report.objectives.find((each) => each.name === name));
    return Math.log((helpful?.gradientNorm ?? NaN) / (harmless?.gradientNorm ?? NaN));
  });
  const ratio = Math.exp(mean(logs));
  return Number.isFinite(ratio) && ratio > 0 ? ratio : undefined;
}
