/** Scores a batch with every objective, and applies the failure policies to completions without a score. */
import type { RunConfig } from '@gapo/config';
import { at, mean, required, standardDeviation } from '@gapo/numeric';
import type { Item } from '@gapo/rpc';
import { allFaults, PauseNeeded, RunFailure, type Fault } from '../state/interruption.js';
import type { ItemsOf } from './completionItems.js';
import type { RewardSource, Scores } from './rewardSource.js';

/** An objective with the service that scores it. */
export interface ScoredObjective {
  readonly source: RewardSource;
  readonly onFailure: RunConfig['objectives'][number]['onFailure'];
}

/** One objective's scores of a batch. */
export interface ObjectiveScores extends Scores {
  readonly objective: string;
  /** Its service's address. */
  readonly target: string;
  /** Mean of the scores; undefined if there are none. */
  readonly mean: number | undefined;
  /** Population standard deviation of the scores; undefined if there are none. */
  readonly std: number | undefined;
}

/** An objective that lacks scores of a batch. */
export interface MissingScores {
  /** Names the objective, its service, the number of missing scores, and the first item's error. */
  readonly message: string;
  /** The fault; over once the service scores the first item that lacked a score. */
  readonly fault: Fault;
}

/** A scored batch after all failure policies. */
export interface ScoredBatch {
  /** Indices of the items that every objective scored, ascending. */
  readonly kept: readonly number[];
  /** One array per objective: the scores of the kept items. */
  readonly scores: readonly Float64Array[];
  /** One entry per objective, in order. */
  readonly objectives: readonly ObjectiveScores[];
  /** One entry for each objective that lacks scores. */
  readonly missing: readonly MissingScores[];
}

/** Observes the scoring. */
export interface ScoringObserver {
  /** Number of items processed across all objectives, the total, and the objectives that are furthest behind. */
  progress(done: number, total: number, waitingFor: string): void;
  /** An objective has processed all items. */
  scored(scores: ObjectiveScores): void;
}

/** Number of failures quoted in an event. */
const quoted = 3;

/** Milliseconds between progress reports while no service answers. */
const reminderMs = 5000;

type Identified = Pick<Item, 'id'>;

/** Returns an objective's first few failures, each with its item's id. */
export function quotedFailures(items: readonly Identified[], { failures }: Scores): string[] {
  return failures.slice(0, quoted).map(({ index, message }) => `${at(items, index).id}: ${message}`);
}

/** Returns an objective's first few outliers, each with its item's id. */
export function quotedOutliers(items: readonly Identified[], { outliers }: Scores): string[] {
  return outliers.slice(0, quoted).map(({ index, score, deviations }) => {
    return `${at(items, index).id}: ${score}, ${deviations.toFixed(1)} deviations from the mean`;
  });
}

/** Items to score, which may arrive part by part. */
export interface ItemParts {
  /** Items of all parts. */
  readonly count: number;
  /** Each part's items, in the text form that an objective's service gets. */
  readonly parts: readonly Promise<ItemsOf>[];
}

/** Wraps items that are all available already. */
export function atOnce(count: number, itemsOf: ItemsOf): ItemParts {
  return { count, parts: [Promise.resolve(itemsOf)] };
}

/**
 * Scores the items with every objective in parallel, each part as soon as it arrives. Then applies the failure policies, in the order
 * fail, pause, drop. A missing score never becomes a number: it fails the run, pauses it, or drops its item for every objective.
 *
 * @param items ids and order are the same in every text form
 * @param label names what is scored, for example `step 12`
 * @param remindMs milliseconds between progress reports while no service answers
 * @throws PauseNeeded, RunFailure naming the objective, its service, the first item and its error; the reason with which a part
 * rejects
 */
export async function scoreItems(
  objectives: readonly ScoredObjective[],
  items: ItemParts,
  label: string,
  signal: AbortSignal,
  observer: ScoringObserver,
  remindMs = reminderMs,
): Promise<ScoredBatch> {
  const { count, parts } = items;
  const done = objectives.map(() => 0);
  let answeredAt = performance.now();
  const batches = objectives.map(({ source }) => parts.map(async (part) => (await part)(source.text)));
  // A service is not late with items it has not received yet.
  const asked = (): void => void (answeredAt = performance.now());
  for (const part of parts) part.then(asked, () => undefined);
  const report = (): void => {
    const total = count * objectives.length;
    const least = Math.min(...done);
    const behind = objectives.filter((_, k) => done[k] === least).map(({ source }) => source.objective);
    const sum = done.reduce((a, b) => a + b, 0);
    const waitedMs = performance.now() - answeredAt;
    const since = waitedMs < remindMs ? '' : ` for ${Math.round(waitedMs / 1000)} s`;
    observer.progress(sum, total, sum < total ? `reward ${behind.join(', ')}${since}` : '');
  };
  const one = async ({ source }: ScoredObjective, k: number): Promise<ObjectiveScores> => {
    const scores = await source.scoreParts(at(batches, k), signal, (processed) => {
      done[k] = processed;
      answeredAt = performance.now();
      report();
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
  report();
  const reminder = setInterval(report, remindMs);
  let results: ObjectiveScores[];
  try {
    results = await Promise.all(objectives.map(one));
  } finally {
    clearInterval(reminder);
  }
  const read = await Promise.all(batches.map(async (own) => (await Promise.all(own)).flat()));
  const missing = applyPolicies(objectives, results, read, label);
  const kept = Array.from({ length: count }, (_, i) => i).filter((i) =>
    results.every(({ values }) => values[i] !== undefined),
  );
  const scores = results.map(({ values }) =>
    Float64Array.from(kept, (i) => required(values[i], 'the score of a kept item')),
  );
  return { kept, scores, objectives: results, missing };
}

/** Returns the error of a batch with too few scores. */
export function tooFewScores(what: string, missing: readonly MissingScores[]): PauseNeeded {
  const messages = missing.map(({ message }) => message).join('; ');
  return new PauseNeeded(`${what}${messages}; fix the reward service`, allFaults(missing.map(({ fault }) => fault)));
}

/**
 * Returns an entry for each objective that lacks scores and whose policy is to drop the items.
 *
 * @param batches the items, in the text form that each objective's service gets
 * @throws PauseNeeded, RunFailure if a policy is to pause or to fail
 */
function applyPolicies(
  objectives: readonly ScoredObjective[],
  results: readonly ObjectiveScores[],
  batches: readonly (readonly Item[])[],
  label: string,
): MissingScores[] {
  const missing = (policy: ScoredObjective['onFailure']): MissingScores[] =>
    results.flatMap((scores, k) => {
      const { failures, objective, target } = scores;
      const [first] = failures;
      const { onFailure, source } = at(objectives, k);
      if (onFailure !== policy || first === undefined) return [];
      const items = at(batches, k);
      const message =
        `objective ${objective} at ${target} has no score for ${failures.length} of ${items.length} completions of ` +
        `${label} (${quotedFailures(items, scores)[0]})`;
      return [{ message, fault: source.fault(at(items, first.index)) }];
    });
  const [failing, pausing] = [missing('fail'), missing('pause')];
  if (failing.length > 0) {
    const messages = failing.map(({ message }) => message).join('; ');
    throw new RunFailure(`${messages}; fix the reward service, then resume the run`);
  }
  if (pausing.length > 0) throw tooFewScores('', pausing);
  return missing('drop');
}
