/** What goes wrong with events. None of it stops a training step: errors reach the bus's `onError`. */

/** What kind of failure it was. */
export type EventErrorCode =
  /** The event can never be published: its data is no plain JSON, or a server's limit forbids it. */
  | 'refused'
  /** The queue was full: the oldest event was dropped. */
  | 'dropped'
  /** A publish failed and is tried again. */
  | 'retrying'
  /** The connection was lost or came back, or a consumer had to be made anew. */
  | 'connection'
  /** A message on the stream is no event of this platform. */
  | 'malformed'
  /** A subscriber's handler threw; `cause` is what it threw. */
  | 'handler';

/** A failure of the event bus. */
export class EventError extends Error {
  override readonly name = 'EventError';
  /** What kind of failure it was. */
  readonly code: EventErrorCode;

  constructor(code: EventErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
