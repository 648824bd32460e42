/** Where a preference lands, as evaluations on the held-out prompts say. */
import type { EvaluationReportJson, RunJson } from '@gapo/rpc/json';
import { fetchEvaluations } from '#page/control.js';
import { fetchRuns } from '#page/feed.js';
import { fixed } from '#page/format.js';
import { landing, sharesIn, type Known } from '#page/simplex.js';

/** Runs whose evaluations are read for an estimate. */
const mostEvaluated = 50;

/** Whether a run's policy is conditioned on the preference. */
export function isConditioned({ preferenceLevels }: RunJson): boolean {
  return preferenceLevels > 0;
}

/**
 * Returns the rewards of the newest evaluated version of a run: at each stated preference, or at that of its training.
 *
 * @param names of the objectives, in the order of the result
 * @param preference of its training
 */
export function knownIn(
  names: readonly string[],
  preference: RunJson['preference'],
  reports: readonly EvaluationReportJson[],
): Known[] {
  const newest = reports.at(-1)?.version;
  return reports
    .filter(({ version }) => version === newest)
    .flatMap((report) => {
      const rewards = names.map((name) => report.objectives.find((each) => each.name === name)?.after?.mean ?? NaN);
      if (!rewards.every(Number.isFinite)) return [];
      const shown = Object.keys(report.preference).length > 0 ? report.preference : preference;
      return [{ shares: sharesIn(shown, names), rewards }];
    });
}

/**
 * Reads what is known of where preferences of a run land. For a conditioned policy: its own evaluations. For another: those
 * of other runs with the same objectives, each with the preference that it was trained for.
 */
export async function fetchKnown(run: RunJson): Promise<Known[]> {
  const { id, objectives, preference } = run;
  if (isConditioned(run)) return knownIn(objectives, preference, await fetchEvaluations(id));
  const alike = (other: RunJson): boolean =>
    other.id !== id &&
    !isConditioned(other) &&
    // An average was not trained for a preference; what it has is that of a run it is made of.
    Object.keys(other.ingredients).length === 0 &&
    objectives.length === other.objectives.length &&
    objectives.every((name) => Object.hasOwn(other.preference, name));
  const runs = (await fetchRuns()).filter(alike).slice(0, mostEvaluated);
  const known = await Promise.all(
    runs.map(async (other) => knownIn(objectives, other.preference, await fetchEvaluations(other.id))),
  );
  return known.flat();
}

/** Says where shares land. */
export function landingText(run: RunJson, shares: readonly number[], known: readonly Known[]): string {
  const rewards = landing(shares, known);
  if (rewards === undefined) {
    const why = isConditioned(run)
      ? `its newest evaluated version has not been evaluated with two preferences (gapo front ${run.id})`
      : 'no two other runs with these objectives and different preferences have been evaluated (gapo front, gapo eval)';
    return `Where it lands is not known: ${why}.`;
  }
  const words = run.objectives.map((name, k) => `${name} ${fixed(rewards[k], 2)}`).join(', ');
  const from = isConditioned(run) ? 'evaluations of this policy' : 'evaluated runs';
  return `Lands near ${words} on the held-out prompts, estimated from ${known.length} ${from}.`;
}
