/** Watches whether the server is connected. */
import { Events, type NatsConnection, type Status } from 'nats';
import { EventError } from './eventError.js';

/** A permission that the login lacks. */
type PermissionContext = NonNullable<Status['permissionContext']>;

/** Maximum number of denied subjects to report; each run has its own. */
const mostReported = 20;

/** Delays between attempts, in milliseconds. The last one repeats. */
const retryMs = [100, 250, 500, 1000, 2000, 5000];

/** Follows a connection, once there is one, that reconnects automatically. */
export class ConnectionWatch {
  #connected = false;
  readonly #listeners = new Set<() => void>();
  readonly #reported = new Set<string>();

  /** Follows a connection that has just been made. */
  attach(connection: NatsConnection, onError: (error: EventError) => void): void {
    this.#set(true);
    void this.#follow(connection, onError);
  }

  /** Whether the server is connected now. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Calls `listener` at every change. Returns a function that removes it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when the server is connected, or when `signal` aborts. */
  async whenConnected(signal: AbortSignal): Promise<void> {
    while (!this.#connected && !signal.aborted) await this.changed(60_000, signal);
  }

  /** Resolves at the next change, when `signal` aborts, or after `timeoutMs`. */
  changed(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        unlisten();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      const unlisten = this.onChange(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** Waits before the next attempt, after a number of failures in a row. A change of the connection ends the wait. */
  beforeRetry(failures: number, signal: AbortSignal, delaysMs: readonly number[] = retryMs): Promise<void> {
    return this.changed(delaysMs[Math.min(failures, delaysMs.length - 1)] ?? 0, signal);
  }

  /**
   * Waits for a request to the server.
   *
   * @throws Error as soon as the connection is lost or `signal` aborts, before the request times out
   */
  async during<T>(request: Promise<T>, signal: AbortSignal): Promise<T> {
    let forget = () => {};
    const lost = new Promise<never>((_resolve, reject) => {
      const fail = () => reject(new Error(signal.aborted ? 'the bus is closing' : 'the connection was lost'));
      const unlisten = this.onChange(fail);
      signal.addEventListener('abort', fail, { once: true });
      forget = () => {
        unlisten();
        signal.removeEventListener('abort', fail);
      };
      if (signal.aborted) fail();
    });
    try {
      return await Promise.race([request, lost]);
    } finally {
      forget();
      // Nothing else handles the rejection of a request that lost the race.
      request.catch(() => undefined);
    }
  }

  async #follow(connection: NatsConnection, onError: (error: EventError) => void): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === Events.Disconnect) {
        this.#set(false);
        onError(
          new EventError(
            'connection',
            `connection to NATS at ${serverOf(status)} lost; events stay in the runs' logs until it is back`,
          ),
        );
      } else if (status.type === Events.Reconnect) {
        this.#set(true);
        onError(new EventError('connection', `connection to NATS at ${serverOf(status)} is back`));
      } else if (status.type === Events.Error && status.permissionContext !== undefined) {
        this.#denied(status.permissionContext, onError);
      }
    }
  }

  /**
   * Reports each denial by the server once. Nothing else does if no response is awaited, as with requests for more messages.
   */
  #denied({ operation, subject }: PermissionContext, onError: (error: EventError) => void): void {
    const what = `${operation === 'publish' ? 'publish to' : 'subscribe to'} ${subject}`;
    if (this.#reported.has(what) || this.#reported.size >= mostReported) return;
    this.#reported.add(what);
    onError(
      new EventError('connection', `NATS does not allow this login to ${what}; see docs/events.md for what it needs`),
    );
  }

  #set(connected: boolean): void {
    this.#connected = connected;
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Returns the server that a status names. */
function serverOf({ data }: Status): string {
  return typeof data === 'string' ? data : 'an unnamed server';
}
