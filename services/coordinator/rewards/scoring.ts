/** A batch scored by every objective at once, and what each one's failure policy makes of completions without a score. */
import type { Item } from '@gapo/rpc';
import { mean, standardDeviation } from '@gapo/objectives';
import { PauseNeeded, RunFailure } from '../runs/interruption.js';
import type { RewardSource, Scores } from './rewardSource.js';
import type { RunConfig } from '../config/runConfig.js';

/** An objective with the service that scores it. */
export interface ScoredObjective {
  readonly source: RewardSource;
  readonly onFailure: RunConfig['objectives'][number]['onFailure'];
}

/** What one objective made of the batch. */
export interface ObjectiveScores extends Scores {
  readonly objective: string;
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
}

/** Told what happens while objectives score. */
export interface ScoringObserver {
  /** Items dealt with over all objectives, of how many, and the objectives that are furthest behind. */
  progress(done: number, total: number, waitingFor: string): void;
  /** An objective is done. */
  scored(scores: ObjectiveScores): void;
}

/** Failures that an event quotes. */
const QUOTED = 3;

/** The first few failures of an objective, each with its item. */
export function quotedFailures(items: readonly Item[], { failures }: Scores): string[] {
  return failures.slice(0, QUOTED).map(({ index, message }) => `${items[index]!.id}: ${message}`);
}

/** The first few outliers of an objective, each with its item. */
export function quotedOutliers(items: readonly Item[], { outliers }: Scores): string[] {
  return outliers
    .slice(0, QUOTED)
    .map(({ index, score, deviations }) => `${items[index]!.id}: ${score}, ${deviations.toFixed(1)} deviations from the mean`); // prettier-ignore
}

/**
 * Scores the items with every objective in parallel and applies the failure policies: fail before pause before drop. A
 * missing score is never a number: it pauses the run, fails it, or takes its item out for every objective.
 *
 * @param label what is scored, as `step 12`
 * @throws PauseNeeded, RunFailure naming the objective, the item and what the service said
 */
export async function scoreItems(
  objectives: readonly ScoredObjective[],
  items: readonly Item[],
  label: string,
  signal: AbortSignal,
  observer: ScoringObserver,
): Promise<ScoredBatch> {
  const done = objectives.map(() => 0);
  const tell = (): void => {
    const total = items.length * objectives.length;
    const least = Math.min(...done);
    const behind = objectives.filter((_, k) => done[k] === least).map(({ source }) => source.objective);
    const sum = done.reduce((a, b) => a + b, 0);
    observer.progress(sum, total, sum < total ? `reward ${behind.join(', ')}` : '');
  };
  tell();
  const results = await Promise.all(
    objectives.map(async ({ source }, k): Promise<ObjectiveScores> => {
      const scores = await source.score(items, signal, (count) => {
        done[k] = count;
        tell();
      });
      const present = scores.values.filter((value) => value !== undefined);
      const summary = {
        ...scores,
        objective: source.objective,
        mean: present.length > 0 ? mean(present) : undefined,
        std: present.length > 0 ? standardDeviation(present, 'population') : undefined,
      };
      observer.scored(summary);
      return summary;
    }),
  );
  applyPolicies(objectives, results, items, label);
  const kept = [...items.keys()].filter((i) => results.every(({ values }) => values[i] !== undefined));
  const scores = results.map(({ values }) => Float64Array.from(kept, (i) => values[i]!));
  return { kept, scores, objectives: results };
}

function applyPolicies(
  objectives: readonly ScoredObjective[],
  results: readonly ObjectiveScores[],
  items: readonly Item[],
  label: string,
): void {
  const told = (policy: ScoredObjective['onFailure']): string[] =>
    objectives.flatMap(({ source, onFailure }, k) => {
      const { failures } = results[k]!;
      if (onFailure !== policy || failures.length === 0) return [];
      const first = quotedFailures(items, results[k]!)[0]!;
      return [
        `objective ${source.objective} at ${source.target} has no score for ${failures.length} of ${items.length} ` +
          `completions of ${label} (${first})`,
      ];
    });
  const failing = told('fail');
  if (failing.length > 0) throw new RunFailure(`${failing.join('; ')}; mend the reward service, then resume the run`);
  const pausing = told('pause');
  if (pausing.length > 0) throw new PauseNeeded(`${pausing.join('; ')}; mend the reward service, then resume the run`);
}
