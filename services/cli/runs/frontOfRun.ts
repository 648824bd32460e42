/** The front of one run with a preference-conditioned policy: the policy at several preferences. */
import type { EvaluationReport, Run } from '@gapo/rpc';
import type { Coordinator } from '../client.js';
import { frontOf, type Front, type Member } from '../fronts/front.js';
import { preferenceGrid } from '../fronts/preferenceGrid.js';
import { byObjective } from '../fronts/variants.js';
import { numbersText } from '../render/preference.js';
import type { Reporter } from '../render/reporter.js';
import { evaluate } from './evaluate.js';

/**
 * Evaluates a run at evenly spaced preferences. Preferences with the same levels are evaluated once.
 *
 * @param count maximum number of preferences
 * @throws UserError if the policy takes no preference
 */
export async function frontOfRun(
  coordinator: Coordinator,
  run: Run,
  count: number,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<Front> {
  const { id, objectives } = run;
  const grid = preferenceGrid(objectives.length, count).map((vector) => byObjective(objectives, vector));
  const evaluated = new Map<string, { member: Member; report: EvaluationReport }>();
  for (const [i, requested] of grid.entries()) {
    reporter.say(`policy ${i + 1} of ${grid.length} (${numbersText(requested)})`);
    const report = await evaluate(coordinator, id, reporter, { samples: 0, preference: requested, signal });
    const preference = { ...report.preference };
    const label = objectives.map((name) => String(Number((preference[name] ?? NaN).toPrecision(3)))).join('/');
    const member = { run: id, group: 'one policy', label, preference, ingredients: null };
    evaluated.set(label, { member, report });
  }
  return frontOf(id, new Date(), objectives, [...evaluated.values()]);
}
