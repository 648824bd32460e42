/** Failures of the event bus. None of them stops a training step: they are passed to the bus's `onError`. */

/** The kind of a failure. */
export type EventErrorCode =
  /** The event cannot be published: its data do not fit their message, or exceed a limit of the server. */
  | 'refused'
  /** Events cannot be written to a run's log, or can be written again. */
  | 'unwritten'
  /** Copying to the stream failed and will be retried. */
  | 'retrying'
  /** The stream lacks events that a run's log has. */
  | 'differs'
  /** The connection was lost or is back, or a consumer has to be recreated. */
  | 'connection'
  /** A message in the stream, or a line of a log, is not an event of this platform. */
  | 'malformed'
  /** A subscriber's handler threw; `cause` is what it threw. */
  | 'handler';

/** A failure of the event bus. */
export class EventError extends Error {
  override readonly name = 'EventError';
  /** The kind of failure. */
  readonly code: EventErrorCode;

  constructor(code: EventErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
