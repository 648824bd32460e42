/** The interface between the server and what computes scores: a classifier, rules, or a remote server. */

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
      /** What was found and what is expected. */
      readonly problem: string;
      /** Whether the same item may succeed later. */
      readonly retryable: boolean;
    };

/** Whether more is better. */
export type Orientation = 'higher_is_better' | 'lower_is_better';

/** The fields of `gapo.reward.v1.DescribeResponse` that depend on the scorer. */
export interface ScorerDescription {
  readonly objective: string;
  /** A readable name of what computes the score, such as `onnx: helpful-classifier`. */
  readonly model: string;
  /** Changes whenever the same item may get another score. */
  readonly version: string;
  readonly orientation: Orientation;
  /** The smallest possible score, if bounded. */
  readonly minimum: number | undefined;
  /** The largest possible score, if bounded. */
  readonly maximum: number | undefined;
  /** The score from which a completion is acceptable. */
  readonly threshold: number | undefined;
  /** The longest prompt plus completion in the scorer's own tokens; 0: unlimited. */
  readonly maxTokens: number;
}

/**
 * Scores batches without blocking the event loop. The server calls it once per Score call; the scorer may share work between
 * concurrent calls.
 */
export interface Scorer {
  /** The current description: the version may change. */
  readonly description: ScorerDescription;
  /**
   * Scores items: one outcome each, in order.
   *
   * @param signal aborts when the call is cancelled or its deadline passes; the promise then rejects with its reason
   * @param deadline the call's deadline, for scorers that call other servers; undefined if there is none
   */
  score(items: readonly ScoreItem[], signal: AbortSignal, deadline?: Date): Promise<readonly Outcome[]>;
  /** Releases the scorer's resources. Work in progress is lost. */
  close(): Promise<void>;
}
