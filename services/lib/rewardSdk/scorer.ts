/** The interface between the server and what computes scores: a classifier, rules, or a remote server. */

/** A message of a conversation. */
export interface Turn {
  /** Who speaks, such as system, user or assistant. */
  readonly role: string;
  readonly content: string;
}

/** One thing to score. */
export interface ScoreItem {
  /** The text of the last user turn; with {@link TextForm} raw all that the policy read. */
  readonly prompt: string;
  /** The completion; may be empty. */
  readonly completion: string;
  /** The other columns of the prompt's line, such as a reference answer; values that are not strings are JSON. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The conversation that the completion replies to. A prompt that is one text is one user turn. */
  readonly turns: readonly Turn[];
}

/** The form of an item's text: without special tokens, or exactly what the policy read and wrote. */
export type TextForm = 'clean' | 'raw';

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
  /** The form of text that it scores. @default 'clean' */
  readonly textForm?: TextForm | undefined;
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
