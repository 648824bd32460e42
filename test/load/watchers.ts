/** Watchers of one run: over gRPC like the command line, and over server-sent events like the page. */
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, messageOf, RpcError } from '@gapo/rpc';

/** What one watcher received. */
export interface Watched {
  /** The number of the last step (gRPC) or event (server-sent events): both are numbered from 1 without gaps. */
  readonly last: number;
  /** Streams that the server ended early, after which the watcher resumed where it left off. */
  readonly resumed: number;
  /** Something missing, repeated or out of order; undefined if there was nothing. */
  readonly problem: string | undefined;
  /** Whether it saw the run end. */
  readonly sawEnd: boolean;
}

/** A message of a stream. */
interface Received {
  /** The number of a step or event; undefined for other messages. */
  readonly number: number | undefined;
  /** Whether the run has ended. */
  readonly isEnd: boolean;
}

/** Reads one stream, starting after a number. It ends with the stream, or when the signal aborts. */
type ReadStream = (after: number, signal: AbortSignal) => AsyncIterable<Received>;

const reconnectMs = 1000;

/** Follows a run until it has ended. */
export class Watcher {
  /** Resolves with the first message. */
  readonly connected: Promise<void>;
  /** Resolves when watching is over. */
  readonly done: Promise<void>;
  #watched: Watched = { last: 0, resumed: 0, problem: undefined, sawEnd: false };
  readonly #stopping = new AbortController();

  constructor(read: ReadStream) {
    let connected = (): void => undefined;
    this.connected = new Promise((resolve) => (connected = resolve));
    this.done = this.#watch(read, connected);
  }

  /** What it has received so far. */
  get watched(): Watched {
    return this.#watched;
  }

  stop(): void {
    this.#stopping.abort();
  }

  async #watch(read: ReadStream, connected: () => void): Promise<void> {
    const { signal } = this.#stopping;
    for (;;) {
      try {
        for await (const received of read(this.#watched.last, signal)) {
          connected();
          this.#take(received);
          if (this.#watched.sawEnd) return;
        }
      } catch (error) {
        if (!signal.aborted && !isLost(error)) this.#note(messageOf(error));
      }
      if (signal.aborted) return;
      this.#watched = { ...this.#watched, resumed: this.#watched.resumed + 1 };
      await delay(reconnectMs);
    }
  }

  #take({ number, isEnd }: Received): void {
    const { last } = this.#watched;
    if (number !== undefined && number !== last + 1) this.#note(`${number} after ${last}`);
    this.#watched = { ...this.#watched, last: number ?? last, sawEnd: isEnd };
  }

  #note(problem: string): void {
    if (this.#watched.problem === undefined) this.#watched = { ...this.#watched, problem };
  }
}

/** Watches with WatchRun over its own connection. */
export function rpcWatcher(coordinator: string, runId: string): Watcher {
  return new Watcher(async function* (afterStep, signal) {
    const client = connect('gapo.training.v1.TrainingService', coordinator, { alone: true });
    try {
      for await (const { run, step } of client.WatchRun({ runId, afterStep }, { deadlineMs: Infinity, signal })) {
        yield { number: step?.step, isEnd: run?.state === 'RUN_STATE_CANCELLED' };
      }
    } finally {
      client.close();
    }
  });
}

const sequencePattern = /"sequence":"(\d+)"/;
const idPattern = /^id: (.*)$/m;

/** Watches with server-sent events over its own connection. */
export function pageWatcher(page: string, runId: string): Watcher {
  let lastId: string | undefined;
  return new Watcher(async function* (_, signal) {
    const response = await eventStream(`${page}api/runs/${runId}/events`, lastId, signal);
    let text = '';
    for await (const chunk of response) {
      const events = `${text}${String(chunk)}`.split('\n\n');
      text = events.pop() ?? '';
      for (const event of events) {
        const sequence = sequencePattern.exec(event)?.[1];
        lastId = idPattern.exec(event)?.[1] ?? lastId;
        yield {
          number: sequence === undefined ? undefined : Number(sequence),
          isEnd: event.includes('"to":"RUN_STATE_CANCELLED"'),
        };
      }
    }
  });
}

function eventStream(url: string, lastId: string | undefined, signal: AbortSignal): Promise<IncomingMessage> {
  const headers = lastId === undefined ? {} : { 'last-event-id': lastId };
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, headers, signal }, (response) => {
      response.setEncoding('utf8');
      if (response.statusCode === 200) resolve(response);
      else reject(new Error(`the gateway answers ${String(response.statusCode)}`));
    });
    request.once('error', reject);
  });
}

/** Whether a connection was lost, in which case a watcher reconnects. */
function isLost(error: unknown): boolean {
  const { code = '' } = error as NodeJS.ErrnoException;
  return error instanceof RpcError || ['ECONNRESET', 'ECONNREFUSED', 'ERR_STREAM_PREMATURE_CLOSE'].includes(code);
}
