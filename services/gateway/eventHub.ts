/** The gateway's single subscription to the events of all runs, distributed to the browsers that follow one. */
import { follows, type CloudEvent, type EventBus, type Subscription } from '@gapo/events';
import { untilAborted } from '@gapo/rpc';
import type { Resumption } from './answered.js';

/** Events that may be queued for a follower before it is disconnected. It then reconnects and resumes where it was. */
const longestQueue = 10_000;

/** The new events of one run, queued for a reader. */
class Follower {
  readonly runId: string;
  readonly #queue: CloudEvent[] = [];
  #wake: () => void = () => undefined;
  #ended = false;

  constructor(runId: string) {
    this.runId = runId;
  }

  push(event: CloudEvent): void {
    // Ends after what is queued, since the reader resumes after the last event that it got.
    if (this.#queue.length >= longestQueue) this.#ended = true;
    if (!this.#ended) this.#queue.push(event);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *events(): AsyncGenerator<CloudEvent> {
    for (;;) {
      const next = this.#queue.shift();
      if (next !== undefined) yield next;
      else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** A run's kept events, which all readers share that begin to follow while they are read. */
interface Replay {
  readonly past: Promise<readonly CloudEvent[]>;
  /** Events since it began. */
  readonly newer: CloudEvent[];
}

/** Where the kept events end. */
interface PastEnd {
  readonly newest: CloudEvent | undefined;
  /** Ids of events without a number, which nothing but their id tells from later ones. */
  readonly unnumbered: ReadonlySet<string>;
}

/** Follows all runs on a bus, for any number of readers. */
export class EventHub {
  readonly #bus: EventBus;
  readonly #followers = new Set<Follower>();
  /** Replays in progress, by run. */
  readonly #replays = new Map<string, Replay>();
  readonly #stopping = new AbortController();
  #subscription: Promise<Subscription | undefined> = Promise.resolve(undefined);

  constructor(bus: EventBus) {
    this.#bus = bus;
  }

  /**
   * Subscribes to the bus. Each event is handled within the trace that published it. A server that is not connected is not waited for.
   *
   * @param onError observes a subscription that failed later
   * @throws UserError where the login may not read the stream
   */
  async start(onError: (error: unknown) => void): Promise<void> {
    const { signal } = this.#stopping;
    const subscribing = this.#bus.subscribe({}, (event) => this.#distribute(event), { signal });
    this.#subscription = subscribing.catch(() => undefined);
    if (this.#bus.stats().connected) await subscribing;
    else subscribing.catch((error: unknown) => signal.aborted || onError(error));
  }

  /**
   * Follows a run's events: the kept ones, then new ones.
   *
   * @param after what the reader has; all events are sent after an unknown one, or none
   */
  async *follow(runId: string, after: Resumption, signal: AbortSignal): AsyncGenerator<CloudEvent> {
    const follower = new Follower(runId);
    // Added before the replay: events that are published during it are duplicated, not missed.
    this.#followers.add(follower);
    const end = (): void => follower.end();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      const pastEnd = yield* this.#past(follower, after, signal);
      let { newest } = pastEnd;
      for await (const event of follower.events()) {
        // A stream that was lost is filled again, and events that came with the replay follow it once more.
        const isRepeat =
          pastEnd.unnumbered.has(event.id) ||
          (event.sequence !== undefined && newest !== undefined && !follows(event, newest));
        if (isRepeat) continue;
        newest = event;
        yield event;
      }
    } finally {
      signal.removeEventListener('abort', end);
      this.#followers.delete(follower);
    }
  }

  /** Yields the kept events, which are not held any longer once this has returned. */
  async *#past(follower: Follower, after: Resumption, signal: AbortSignal): AsyncGenerator<CloudEvent, PastEnd> {
    const past = await untilAborted(this.#replay(follower), signal);
    for (const event of past.slice(lastKnown(past, after) + 1)) {
      if (signal.aborted) break;
      yield event;
    }
    const unnumbered = new Set(past.filter(({ sequence }) => sequence === undefined).map(({ id }) => id));
    return { newest: past.at(-1), unnumbered };
  }

  /** Reads the kept events, or joins a reader that does. */
  #replay(follower: Follower): Promise<readonly CloudEvent[]> {
    const { runId } = follower;
    const known = this.#replays.get(runId);
    if (known !== undefined) {
      for (const event of known.newer) follower.push(event);
      return known.past;
    }
    const past = collected(this.#bus.replay(runId)).finally(() => this.#replays.delete(runId));
    this.#replays.set(runId, { past, newer: [] });
    return past;
  }

  /** Ends every follower and the subscription. */
  async stop(): Promise<void> {
    for (const follower of this.#followers) follower.end();
    this.#stopping.abort();
    await (await this.#subscription)?.stop();
  }

  #distribute(event: CloudEvent): void {
    this.#replays.get(event.subject)?.newer.push(event);
    for (const follower of this.#followers) if (follower.runId === event.subject) follower.push(event);
  }
}

/**
 * Returns the index of the last event that a reader has; -1 if it has none.
 *
 * A reader that has a step has read the run itself: it needs no event before the last one of that step, or of the steps before
 * it, which are all that is there where the step has not arrived.
 */
function lastKnown(past: readonly CloudEvent[], { id: known, step = 0 }: Resumption): number {
  if (known !== undefined) return past.findIndex(({ id }) => id === known);
  return past.findLastIndex((event) => event.type === 'gapo.v1.step' && event.data.step <= step);
}

async function collected(events: AsyncIterable<CloudEvent>): Promise<readonly CloudEvent[]> {
  const all: CloudEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}
