/** The outcome of each item in a reward service's response. */
import type { Item, Result } from '@gapo/rpc';

/** Why an item has no score. */
export interface ItemFailure {
  readonly message: string;
  /** Whether the item may succeed later. */
  readonly retryable: boolean;
}

/** A score as the service returned it, or why there is none. */
export type Outcome = number | ItemFailure;

/** Whether an outcome is a score. */
export function isScore(outcome: Outcome): outcome is number {
  return typeof outcome === 'number';
}

/** Whether an outcome is a transient failure. */
export function isRetryable(outcome: Outcome | undefined): boolean {
  return outcome !== undefined && !isScore(outcome) && outcome.retryable;
}

/** The longest service text quoted in messages, in characters: it ends up in logs, events and the run's reason. */
const longestQuote = 500;

/** Quotes a service's text, truncated if it is long. */
export function quote(text: string): string {
  return text.length <= longestQuote ? text : `${text.slice(0, longestQuote)}…`;
}

/** Returns one outcome per item. Results must have the items' number, order and ids, and scores must be finite. */
export function outcomesOf(items: readonly Item[], results: readonly Result[]): Outcome[] {
  const surplus = results.length > items.length;
  return items.map((item, k) => {
    const result = results[k];
    if (result === undefined || surplus) {
      return final(`${results.length} results came back for ${items.length} items`);
    }
    if (result.id !== item.id) return final(`result ${k} is for item "${quote(result.id)}", expected "${item.id}"`);
    if (result.outcome === 'error') {
      const { message = '', retryable = false } = result.error ?? {};
      return { message: quote(message) || 'the service gave no reason', retryable };
    }
    if (result.outcome !== 'score' || result.score === undefined) {
      return final('the result has neither score nor error');
    }
    return Number.isFinite(result.score) ? result.score : final(`the score is ${result.score}`);
  });
}

function final(message: string): ItemFailure {
  return { message, retryable: false };
}
