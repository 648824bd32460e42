/** The failure of a request, and when to make it again. */

/** What a {@link RequestFailure} says beside its message. */
export interface RequestFailureOptions extends ErrorOptions {
  /** @default undefined */
  readonly status?: number | undefined;
  /** @default undefined */
  readonly body?: string | undefined;
  /** @default false */
  readonly retryable?: boolean;
  /** @default undefined */
  readonly waitMs?: number | undefined;
}

/** A request without a usable answer. */
export class RequestFailure extends Error {
  override readonly name = 'RequestFailure';
  /** The HTTP status; undefined if there was none. */
  readonly status: number | undefined;
  /** The beginning of the answer; undefined if there was none. It may contain what the message does not show. */
  readonly body: string | undefined;
  /** Whether the same request may succeed later, or at another server. */
  readonly retryable: boolean;
  /** How long the server asks to wait, in milliseconds; undefined if it does not say. */
  readonly waitMs: number | undefined;

  constructor(message: string, { status, body, retryable = false, waitMs, ...options }: RequestFailureOptions = {}) {
    super(message, options);
    this.status = status;
    this.body = body;
    this.retryable = retryable;
    this.waitMs = waitMs;
  }

  /** Returns this failure with another message, or as one that may be repeated. */
  with({
    message = this.message,
    retryable = this.retryable,
  }: {
    message?: string;
    retryable?: boolean;
  }): RequestFailure {
    const { status, body, waitMs } = this;
    return new RequestFailure(message, { status, body, retryable, waitMs, cause: this });
  }
}

/** Statuses of a server that is overloaded, starting, or in trouble; 529 is an overloaded server's at Anthropic. */
const retryableStatuses: ReadonlySet<unknown> = new Set([408, 425, 429, 500, 502, 503, 504, 529]);

/** Returns whether a request that got an HTTP status may succeed later. */
export function isRetryableStatus(status: number): boolean {
  return retryableStatuses.has(status);
}
