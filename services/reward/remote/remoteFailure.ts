/** A request without scores, and when to make it again. */
import { NoScore } from '@gapo/reward';

/** Why a request gave no scores. If it is retryable, the request is repeated. */
export class RemoteFailure extends NoScore {
  /** How long the server asks to wait, in milliseconds; undefined if it does not say. */
  readonly waitMs: number | undefined;

  constructor(
    message: string,
    options: { readonly retryable?: boolean; readonly waitMs?: number | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, options);
    this.waitMs = options.waitMs;
  }
}
