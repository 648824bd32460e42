/** Delivers the events of runs to one tracker in the background, through outages of any length. */
import { setTimeout as delay } from 'node:timers/promises';
import { isActive, messageOf, settlesWithin } from '@gapo/rpc';
import { isExpected, type Logger } from '@gapo/service';
import { positionOf, savePosition } from './positions.js';
import { RemovedThere, type TrackedRun, type Tracker, type TrackerSession } from './tracked/tracker.js';

/** The shortest time between two deliveries of a run, in milliseconds. Steps until then are delivered together. */
const roundMs = 1000;

/** The first and the longest pause after a failure, in milliseconds. The pause doubles. */
const [firstPauseMs, longestPauseMs] = [2000, 60_000];

/** A run that is delivered to the tracker. */
interface Followed {
  readonly run: TrackedRun;
  /** The number of the last event to deliver. */
  wanted: number;
  /** The number of the last event known to have reached the tracker. */
  delivered: number;
  /** The session, and the number of the last event passed to it. */
  open: { readonly session: TrackerSession; position: number } | undefined;
  failures: number;
  /** When the next delivery may begin, by performance.now(). */
  dueAt: number;
}

/** Delivers any number of runs, one after another. */
export class Delivery {
  readonly #tracker: Tracker;
  readonly #log: Logger;
  readonly #runs = new Set<Followed>();
  readonly #closing = new AbortController();
  #working: Promise<void> | undefined;
  /** Ends the pause in progress. */
  #pause = new AbortController();
  /** Whether the process is ending: there are no more pauses, and a run whose delivery fails is abandoned. */
  #hurries = false;
  #gaveUp = false;
  /** The last problem that was logged; empty while the tracker works. */
  #said = '';

  constructor(tracker: Tracker, log: Logger) {
    this.#tracker = tracker;
    this.#log = log;
  }

  /**
   * Delivers a run's events: first those that the tracker lacks, then new ones.
   *
   * @returns a function to call when there are new events
   */
  follow(run: TrackedRun): () => void {
    const delivered = positionOf(run, this.#tracker.place);
    const followed: Followed = { run, wanted: 0, delivered, open: undefined, failures: 0, dueAt: 0 };
    this.#runs.add(followed);
    const wake = (): void => {
      followed.wanted = run.lastEvent();
      this.#wake();
    };
    wake();
    return wake;
  }

  /** Delivers what is left within the time limit, and stops. */
  async close(timeoutMs: number): Promise<void> {
    this.#hurries = true;
    for (const followed of this.#runs) followed.dueAt = 0;
    this.#wake();
    const inTime = await settlesWithin(this.#working ?? Promise.resolve(), timeoutMs);
    if (!inTime || this.#gaveUp) {
      this.#log.warn(`${this.#tracker.place} lacks the last events of runs; it gets them after the next start`);
    }
    this.#closing.abort();
    this.#pause.abort();
    if (inTime) await this.#working;
    await this.#tracker.close();
  }

  #wake(): void {
    if (this.#closing.signal.aborted) return;
    this.#pause.abort();
    this.#working ??= this.#work();
  }

  async #work(): Promise<void> {
    // Deferred, so that the caller continues first.
    await Promise.resolve();
    while (!this.#closing.signal.aborted) {
      const pending = [...this.#runs].filter(({ wanted, delivered }) => wanted > delivered);
      if (pending.length === 0) break;
      const now = performance.now();
      const due = pending.filter(({ dueAt }) => dueAt <= now);
      // Active runs come before ended ones.
      const next = due.find(({ run }) => isActive(run.state())) ?? due[0];
      if (next === undefined) await this.#wait(Math.min(...pending.map(({ dueAt }) => dueAt)) - now);
      else await this.#deliver(next);
    }
    this.#working = undefined;
  }

  async #wait(ms: number): Promise<void> {
    this.#pause = new AbortController();
    await delay(ms, undefined, { signal: this.#pause.signal }).catch(() => undefined); // ended by a wake or close()
  }

  async #deliver(followed: Followed): Promise<void> {
    const { place } = this.#tracker;
    const { run } = followed;
    try {
      await this.#write(followed);
      followed.failures = 0;
      followed.dueAt = this.#hurries ? 0 : performance.now() + roundMs;
      if (this.#said !== '') this.#log.info(`${place} is available again`);
      this.#said = '';
      if (isActive(run.state())) return;
      followed.open = undefined;
      await savePosition(run, place, followed.delivered);
    } catch (error) {
      this.#failed(followed, error);
    }
  }

  async #write(followed: Followed): Promise<void> {
    const { run } = followed;
    const { signal } = this.#closing;
    run.assertWritable();
    const until = run.lastEvent();
    // A session starts from the first event: it knows what the tracker has, which may be more or less than recorded here.
    const open = (followed.open ??= { session: await this.#tracker.open(run, signal), position: 0 });
    for await (const events of run.eventsAfter(open.position)) {
      await open.session.write(events, signal);
      open.position = events.at(-1)?.sequence ?? open.position;
    }
    followed.delivered = Math.max(until, open.position);
  }

  #failed(followed: Followed, error: unknown): void {
    if (this.#closing.signal.aborted) return;
    const { place } = this.#tracker;
    const { id: run } = followed.run;
    followed.open = undefined;
    if (error instanceof RemovedThere) this.#log.warn({ run }, error.message);
    else if (this.#hurries) this.#gaveUp = true;
    if (error instanceof RemovedThere || this.#hurries) return void this.#runs.delete(followed);
    followed.dueAt = performance.now() + Math.min(firstPauseMs * 2 ** followed.failures++, longestPauseMs);
    const problem = messageOf(error);
    if (problem === this.#said) return;
    this.#said = problem;
    const message = `run ${run} is not recorded by ${place} yet: ${problem}; training continues, and recording is retried`;
    if (isExpected(error)) this.#log.warn({ run }, message);
    else this.#log.error({ run, error }, message);
  }
}
