/** The gateway's single subscription to the events of all runs, distributed to the browsers that follow one. */
import { follows, type CloudEvent, type EventBus, type Subscription } from '@gapo/events';
import { untilAborted } from '@gapo/rpc';
import type { Resumption } from './answered.js';
import { Audience, Follower, type EventBatch, type Replay } from './audience.js';

/** Stored events delivered to a reader per batch, so that a long run is not sent in one piece. */
const replayBatch = 256;

/** The end of the stored events. */
interface PastEnd {
  readonly newest: CloudEvent | undefined;
  /** Ids of events without a number, which can be distinguished from later ones only by id. */
  readonly unnumbered: ReadonlySet<string>;
}

/** Follows all runs on a bus, for any number of readers. */
export class EventHub {
  readonly #bus: EventBus;
  /** The audiences of runs being followed. */
  readonly #audiences = new Map<string, Audience>();
  readonly #stopping = new AbortController();
  #subscription: Promise<Subscription | undefined> = Promise.resolve(undefined);

  constructor(bus: EventBus) {
    this.#bus = bus;
  }

  /**
   * Subscribes to the bus. Each event is handled within the trace that published it. Does not wait for a server that is not connected.
   *
   * @param onError called if the subscription fails later
   * @throws UserError if the login may not read the stream
   */
  async start(onError: (error: unknown) => void): Promise<void> {
    const { signal } = this.#stopping;
    const subscribing = this.#bus.subscribe({}, (event) => this.#distribute(event), { signal });
    this.#subscription = subscribing.catch(() => undefined);
    if (this.#bus.stats().connected) await subscribing;
    else subscribing.catch((error: unknown) => signal.aborted || onError(error));
  }

  /**
   * Follows a run's events: stored ones, then new ones.
   *
   * @param after what the reader already has; if unknown or unset, all events are sent
   */
  async *follow(runId: string, after: Resumption, signal: AbortSignal): AsyncGenerator<EventBatch> {
    const audience = this.#audienceOf(runId);
    const follower = new Follower();
    // Joins before the replay, so that events published during it may be duplicated but are not missed.
    audience.join(follower);
    const end = (): void => follower.end();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      const pastEnd = yield* this.#past(runId, after, signal);
      let { newest } = pastEnd;
      for await (const batch of follower.batches()) {
        // A lost stream is filled again, so events that came with the replay may arrive once more.
        const isNew = (event: CloudEvent): boolean => {
          if (pastEnd.unnumbered.has(event.id) || isKnownStep(event, after)) return false;
          if (event.sequence !== undefined && newest !== undefined && !follows(event, newest)) return false;
          newest = event;
          return true;
        };
        const fresh = batch.filter(isNew);
        // Yields the batch itself if all of it is new, so that its encoding is shared.
        if (fresh.length > 0) yield fresh.length === batch.length ? batch : fresh;
      }
    } finally {
      signal.removeEventListener('abort', end);
      audience.leave(follower);
      this.#cleanUp(runId);
    }
  }

  #audienceOf(runId: string): Audience {
    const audience = this.#audiences.get(runId) ?? new Audience();
    this.#audiences.set(runId, audience);
    return audience;
  }

  /** Forgets an audience that is empty. */
  #cleanUp(runId: string): void {
    if (this.#audiences.get(runId)?.isEmpty === true) this.#audiences.delete(runId);
  }

  /** Yields the stored events. They can be freed once this returns. */
  async *#past(runId: string, after: Resumption, signal: AbortSignal): AsyncGenerator<EventBatch, PastEnd> {
    const past = await untilAborted(this.#known(runId, after), signal);
    for (let i = lastKnown(past, after) + 1; i < past.length && !signal.aborted; i += replayBatch)
      yield past.slice(i, i + replayBatch);
    const unnumbered = new Set(past.filter(({ sequence }) => sequence === undefined).map(({ id }) => id));
    return { newest: past.at(-1), unnumbered };
  }

  /**
   * Returns the run's events so far: those read by a replay, and those since. A reader may have events newer than the replay it joins;
   * if its last event is not among them, another replay is read.
   */
  async #known(runId: string, after: Resumption): Promise<EventBatch> {
    const audience = this.#audienceOf(runId);
    const known = await audience.replay?.known;
    if (known !== undefined && (after.id === undefined || known.some(({ id }) => id === after.id))) return known;
    return (audience.replay ?? this.#replay(audience, runId)).known;
  }

  /** Starts reading the stored events. */
  #replay(audience: Audience, runId: string): Replay {
    const newer: EventBatch[] = [];
    const read = collected(this.#bus.replay(runId)).finally(() => {
      audience.replay = undefined;
      this.#cleanUp(runId);
    });
    // Computed once for all readers, when nothing more is added to the replay.
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
 * A reader that has a step has read the run itself, so it needs no event before the last one of that step or, if that step has not
 * arrived yet, of the earlier steps.
 */
function lastKnown(past: EventBatch, { id: known, step = 0 }: Resumption): number {
  if (known !== undefined) return past.findIndex(({ id }) => id === known);
  return past.findLastIndex((event) => event.type === 'gapo.v1.step' && event.data.step <= step);
}

/** Whether an event is a step that the reader already has from reading the run itself. */
function isKnownStep(event: CloudEvent, { id, step = 0 }: Resumption): boolean {
  return id === undefined && event.type === 'gapo.v1.step' && event.data.step <= step;
}

/** Returns the events read by a replay, then those delivered to followers in the meantime, each once. */
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
