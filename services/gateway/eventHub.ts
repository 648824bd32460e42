/** The gateway's single subscription to the events of all runs, distributed to the browsers that follow one. */
import { follows, type CloudEvent, type EventBus, type Subscription } from '@gapo/events';
import { untilAborted } from '@gapo/rpc';
import type { Resumption } from './answered.js';
import { Audience, Follower, type EventBatch, type Replay } from './audience.js';

/** Kept events that are handed to a reader at a time, so that it is not sent a long run in one piece. */
const replayBatch = 256;

/** Where the kept events end. */
interface PastEnd {
  readonly newest: CloudEvent | undefined;
  /** Ids of events without a number, which nothing but their id tells from later ones. */
  readonly unnumbered: ReadonlySet<string>;
}

/** Follows all runs on a bus, for any number of readers. */
export class EventHub {
  readonly #bus: EventBus;
  /** Of the runs that are followed. */
  readonly #audiences = new Map<string, Audience>();
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
  async *follow(runId: string, after: Resumption, signal: AbortSignal): AsyncGenerator<EventBatch> {
    const audience = this.#audienceOf(runId);
    const follower = new Follower();
    // Joins before the replay: events that are published during it are duplicated, not missed.
    audience.join(follower);
    const end = (): void => follower.end();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      const pastEnd = yield* this.#past(runId, after, signal);
      let { newest } = pastEnd;
      for await (const batch of follower.batches()) {
        // A stream that was lost is filled again, and events that came with the replay follow it once more.
        const isNew = (event: CloudEvent): boolean => {
          if (pastEnd.unnumbered.has(event.id) || isKnownStep(event, after)) return false;
          if (event.sequence !== undefined && newest !== undefined && !follows(event, newest)) return false;
          newest = event;
          return true;
        };
        const fresh = batch.filter(isNew);
        // The batch itself where it is new: what is encoded of it is shared.
        if (fresh.length > 0) yield fresh.length === batch.length ? batch : fresh;
      }
    } finally {
      signal.removeEventListener('abort', end);
      audience.leave(follower);
      this.#tidy(runId);
    }
  }

  #audienceOf(runId: string): Audience {
    const audience = this.#audiences.get(runId) ?? new Audience();
    this.#audiences.set(runId, audience);
    return audience;
  }

  /** Forgets an audience that is empty. */
  #tidy(runId: string): void {
    if (this.#audiences.get(runId)?.isEmpty === true) this.#audiences.delete(runId);
  }

  /** Yields the kept events, which are not held any longer once this has returned. */
  async *#past(runId: string, after: Resumption, signal: AbortSignal): AsyncGenerator<EventBatch, PastEnd> {
    const past = await untilAborted(this.#known(runId, after), signal);
    for (let i = lastKnown(past, after) + 1; i < past.length && !signal.aborted; i += replayBatch)
      yield past.slice(i, i + replayBatch);
    const unnumbered = new Set(past.filter(({ sequence }) => sequence === undefined).map(({ id }) => id));
    return { newest: past.at(-1), unnumbered };
  }

  /**
   * Returns the run's events so far: those that a replay had when it read them, and those since. A reader may have events that are newer
   * than the replay that it joins; where its last one is not among them, another replay is read.
   */
  async #known(runId: string, after: Resumption): Promise<EventBatch> {
    const audience = this.#audienceOf(runId);
    const known = await audience.replay?.known;
    if (known !== undefined && (after.id === undefined || known.some(({ id }) => id === after.id))) return known;
    return (audience.replay ?? this.#replay(audience, runId)).known;
  }

  /** Begins to read the kept events. */
  #replay(audience: Audience, runId: string): Replay {
    const newer: EventBatch[] = [];
    const read = collected(this.#bus.replay(runId)).finally(() => {
      audience.replay = undefined;
      this.#tidy(runId);
    });
    // Once for all readers, when nothing more is handed to the replay.
    const replay: Replay = { known: read.then((past) => joined(past, newer)), newer };
    audience.replay = replay;
    return replay;
  }

  /** Ends every follower and the subscription. */
  async stop(): Promise<void> {
    for (const audience of this.#audiences.values()) audience.end();
    this.#stopping.abort();
    await (await this.#subscription)?.stop();
  }

  #distribute(event: CloudEvent): void {
    this.#audiences.get(event.subject)?.add(event);
  }
}

/**
 * Returns the index of the last event that a reader has; -1 if it has none.
 *
 * A reader that has a step has read the run itself: it needs no event before the last one of that step, or of the steps before
 * it, which are all that is there where the step has not arrived.
 */
function lastKnown(past: EventBatch, { id: known, step = 0 }: Resumption): number {
  if (known !== undefined) return past.findIndex(({ id }) => id === known);
  return past.findLastIndex((event) => event.type === 'gapo.v1.step' && event.data.step <= step);
}

/** Whether an event is a step that a reader has read from the run itself. */
function isKnownStep(event: CloudEvent, { id, step = 0 }: Resumption): boolean {
  return id === undefined && event.type === 'gapo.v1.step' && event.data.step <= step;
}

/** Returns what a replay read, then what followers were handed meanwhile, each event once. */
function joined(past: EventBatch, newer: readonly EventBatch[]): EventBatch {
  const all = [...past];
  const unnumbered = new Set(all.filter(({ sequence }) => sequence === undefined).map(({ id }) => id));
  for (const event of newer.flat()) {
    const newest = all.at(-1);
    if (unnumbered.has(event.id)) continue;
    if (event.sequence === undefined || newest === undefined || follows(event, newest)) all.push(event);
  }
  return all;
}

async function collected(events: AsyncIterable<CloudEvent>): Promise<EventBatch> {
  const all: CloudEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}
