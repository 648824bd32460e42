/** A batch scored by every objective at once, and what each one's failure policy makes of completions without a score. */
import type { RunConfig } from '@gapo/config';
import { mean, standardDeviation } from '@gapo/numeric';
import type { Item } from '@gapo/rpc';
import { PauseNeeded, RunFailure } from '../state/interruption.js';
import type { RewardSource, Scores } from './rewardSource.js';

/** An objective with the service that scores it. */
export interface ScoredObjective {
  readonly source: RewardSource;
  readonly onFailure: RunConfig['objectives'][number]['onFailure'];
}

/** What one objective made of the batch. */
export interface ObjectiveScores extends Scores {
  readonly objective: string;
  /** Its service's address. */
  readonly target: string;
  /** Mean of the scores; undefined where there are none. */
  readonly mean: number | undefined;
  /** Their population standard deviation. */
  readonly std: number | undefined;
}

/** The batch after every policy. */
export interface ScoredBatch {
  /** Items that every objective scored, ascending. */
  readonly kept: readonly number[];
  /** K arrays with the scores of the items kept. */
  readonly scores: readonly Float64Array[];
  /** One for each objective, in order. */
  readonly objectives: readonly ObjectiveScores[];
  /** For each objective that lacks scores: its name, its service, how many of them, and the first item with what was said of it. */
  readonly missing: readonly string[];
}

/** Told what happens while objectives score. */
export interface ScoringObserver {
  /** Items dealt with over all objectives, of how many, and the objectives that are furthest behind. */
  progress(done: number, total: number, waitingFor: string): void;
  /** An objective is done. */
  scored(scores: ObjectiveScores): void;
}

/** Failures that an event quotes. */
const quoted = 3;

/** Milliseconds after which who is waited for is told again, now with the time: nothing else comes from a service that hangs. */
const reminderMs = 5000;

/** The first few failures of an objective, each with its item. */
export function quotedFailures(items: readonly Item[], { failures }: Scores): string[] {
  return failures.slice(0, quoted).map(({ index, message }) => `${items[index]!.id}: ${message}`);
}

/** The first few outliers of an objective, each with its item. */
export function quotedOutliers(items: readonly Item[], { outliers }: Scores): string[] {
  return outliers
    .slice(0, quoted)
    .map(({ index, score, deviations }) => `${items[index]!.id}: ${score}, ${deviations.toFixed(1)} deviations from the mean`); // prettier-ignore
}

/**
 * Scores the items with every objective in parallel and applies the failure policies: fail before pause before drop. A
 * missing score is never a number: it pauses the run, fails it, or takes its item out for every objective.
 *
 * @param label what is scored, as `step 12`
 * @param tellAgainMs how often the observer is told of services that do not answer
 * @throws PauseNeeded, RunFailure naming the objective, its service, the item and what the service said
 */
export async function scoreItems(
  objectives: readonly ScoredObjective[],
  items: readonly Item[],
  label: string,
  signal: AbortSignal,
  observer: ScoringObserver,
  tellAgainMs = reminderMs,
): Promise<ScoredBatch> {
  const done = objectives.map(() => 0);
  let heard = performance.now();
  const tell = (): void => {
    const total = items.length * objectives.length;
    const least = Math.min(...done);
    const behind = objectives.filter((_, k) => done[k] === least).map(({ source }) => source.objective);
    const sum = done.reduce((a, b) => a + b, 0);
    const waitedMs = performance.now() - heard;
    const since = waitedMs < tellAgainMs ? '' : ` for ${Math.round(waitedMs / 1000)} s`;
    observer.progress(sum, total, sum < total ? `reward ${behind.join(', ')}${since}` : '');
  };
  const one = async ({ source }: ScoredObjective, k: number): Promise<ObjectiveScores> => {
    const scores = await source.score(items, signal, (count) => {
      done[k] = count;
      heard = performance.now();
      tell();
    });
    const present = scores.values.filter((value) => value !== undefined);
    const summary = {
      ...scores,
      objective: source.objective,
      target: source.target,
      mean: present.length > 0 ? mean(present) : undefined,
      std: present.length > 0 ? standardDeviation(present, 'population') : undefined,
    };
    observer.scored(summary);
    return summary;
  };
  tell();
  const again = setInterval(tell, tellAgainMs);
  let results: ObjectiveScores[];
  try {
    results = await Promise.all(objectives.map(one));
  } finally {
    clearInterval(again);
  }
  const missing = applyPolicies(objectives, results, items, label);
  const kept = [...items.keys()].filter((i) => results.every(({ values }) => values[i] !== undefined));
  const scores = results.map(({ values }) => Float64Array.from(kept, (i) => values[i]!));
  return { kept, scores, objectives: results, missing };
}

/** What is said of each objective that lacks scores. Throws it where a policy is not to drop them. */
function applyPolicies(
  objectives: readonly ScoredObjective[],
  results: readonly ObjectiveScores[],
  items: readonly Item[],
  label: string,
): string[] {
  const told = (policy: ScoredObjective['onFailure']): string[] =>
    results.flatMap((scores, k) => {
      const { failures, objective, target } = scores;
      if (objectives[k]!.onFailure !== policy || failures.length === 0) return [];
      return [
        `objective ${objective} at ${target} has no score for ${failures.length} of ${items.length} completions of ` +
          `${label} (${quotedFailures(items, scores)[0]})`,
      ];
    });
  const failing = told('fail');
  if (failing.length > 0) throw new RunFailure(`${failing.join('; ')}; fix the reward service, then resume the run`);
  const pausing = told('pause');
  if (pausing.length > 0) throw new PauseNeeded(`${pausing.join('; ')}; fix the reward service, then resume the run`);
  return told('drop');
}
