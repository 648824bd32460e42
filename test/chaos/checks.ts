/** What must hold after any faults: the run has the same history as the undisturbed run. */
import type { Check } from '../processes/program.js';
import { outcomeOf, type History } from './history.js';
import type { TrialResult } from './trial.js';

/** Checks a trial against the undisturbed run. @param steps of the run */
export function checksOf(result: TrialResult, undisturbed: History, steps: number): Check[] {
  const { history, logged, replayed, missed } = result;
  const all = Array.from({ length: steps }, (_, i) => String(i + 1));
  const numbers = history.steps.map((step) => String((JSON.parse(step) as { step: number }).step));
  const stepEvents = replayed.filter(({ type }) => type === 'gapo.v1.step');
  const check = (name: string, problem: string | undefined): Check => ({ name, problem });
  return [
    check('every fault has struck', missed.length === 0 ? undefined : missed.map(({ kind, target, point }) => `${kind} ${point ?? target}`).join(', ')), // prettier-ignore
    check('every step is recorded once, in order', difference(numbers, all)),
    check('every step has the outcome of the undisturbed run', difference(history.steps, undisturbed.steps)),
    check('every version has the SHA-256 of the undisturbed run', difference(history.versions, undisturbed.versions)),
    check('the adapter has the SHA-256 of the undisturbed run', difference([history.adapterSha256], [undisturbed.adapterSha256])), // prettier-ignore
    check('an interruption costs at most one step', lostSteps(result.begun)),
    check('JetStream numbers the events from 1 without gaps', difference(replayed.map(({ sequence }) => String(Number(sequence))), logged.map((_, i) => String(i + 1)))), // prettier-ignore
    check('JetStream has every event of the log, in its order', difference(replayed.map(({ id }) => id), logged.map(({ id }) => id))), // prettier-ignore
    check('no event is repeated', repeated(replayed.map(({ id }) => id))),
    check('JetStream has every step once, with its outcome', difference(stepEvents.map(({ data }) => outcomeOf(data)).map(canonical), history.steps.map(canonical))), // prettier-ignore
  ];
}

/**
 * Events have every field, the file only those that are set, so numbers present in both are
 * compared.
 */
function canonical(report: string): string {
  const { step, updateNorm, tokens, objectives } = JSON.parse(report) as Record<string, unknown> & { objectives: Record<string, unknown>[] }; // prettier-ignore
  return JSON.stringify([step, updateNorm, tokens, objectives.map(({ name, rewardMean, weight }) => [name, rewardMean, weight])]); // prettier-ignore
}

function difference(found: readonly string[], expected: readonly string[]): string | undefined {
  const place = expected.findIndex((value, i) => found[i] !== value);
  if (place < 0) return found.length === expected.length ? undefined : `${found.length} in place of ${expected.length}; the first further one is ${found[expected.length]}`; // prettier-ignore
  return `number ${place + 1} of ${expected.length} (${found.length} found): found ${found[place]}, expected ${expected[place]}`;
}

function repeated(ids: readonly string[]): string | undefined {
  return ids.find((id, i) => ids.indexOf(id) !== i);
}

/** After a resumption, the run begins with the interrupted step or the one after it. */
function lostSteps(begun: TrialResult['begun']): string | undefined {
  let newest = 0;
  for (const [resumption, steps] of begun) {
    const first = steps[0] ?? 0;
    if (first < newest) return `resumption ${resumption} began with step ${first}, after step ${newest} had begun`;
    newest = Math.max(newest, ...steps);
  }
  return undefined;
}
