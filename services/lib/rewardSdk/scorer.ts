/** What the server needs of whatever computes scores: a classifier, rules, or anything else that runs elsewhere. */

/** One thing to score. */
export interface ScoreItem {
  /** The prompt as text, without special tokens. */
  readonly prompt: string;
  /** The completion as text, without special tokens; may be empty. */
  readonly completion: string;
}

/** A score, or why there is none. The server turns a score that is not finite into an error of its item. */
export type Outcome =
  | { readonly score: number }
  | {
      /** What was wrong and what would be right. */
      readonly problem: string;
      /** Whether the same item may succeed later. */
      readonly retryable: boolean;
    };

/** Whether more is better. */
export type Orientation = 'higher_is_better' | 'lower_is_better';

/** What a scorer is: the fields of `gapo.reward.v1.DescribeResponse` that it decides. */
export interface ScorerDescription {
  readonly objective: string;
  /** What computes the score, for people, as `onnx: helpful-classifier`. */
  readonly model: string;
  /** Changes whenever the same item may get another score. */
  readonly version: string;
  readonly orientation: Orientation;
  /** The smallest score possible, where bounded. */
  readonly minimum: number | undefined;
  /** The largest score possible, where bounded. */
  readonly maximum: number | undefined;
  /** The score from which a completion is acceptable. */
  readonly threshold: number | undefined;
  /** The longest prompt plus completion in the scorer's own tokens; 0: unlimited. */
  readonly maxTokens: number;
}

/**
 * Scores batches away from the event loop. The server calls it once for every Score call; what concurrent calls may
 * share is the scorer's affair.
 */
export interface Scorer {
  /** What it is now: the version may change while it runs. */
  readonly description: ScorerDescription;
  /**
   * Scores items: one outcome each, in their order.
   * @param signal aborts when nobody waits for the answer any more; the promise then rejects with its reason.
   * @param deadline when that will be, for who asks others in turn; undefined if the caller waits for ever.
   */
  score(items: readonly ScoreItem[], signal: AbortSignal, deadline?: Date): Promise<readonly Outcome[]>;
  /** Ends the scorer's thread. Work under way is lost. */
  close(): Promise<void>;
}
