/** Waits for the fault that paused a run to pass. */
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf, type RecoveryInput } from '@gapo/rpc';
import type { Fault } from '../state/interruption.js';
import { timestampOf } from './timestamp.js';

/** Seconds before the first check. The delay doubles with each further check, up to the longest. */
const [firstSeconds, longestSeconds] = [1, 60];

/** What to wait for, and how long. */
export interface Wait {
  readonly fault: Fault;
  /**
   * How often the run has been resumed at its current step. Each resumption lengthens the delay before the first check.
   */
  readonly attempts: number;
  /** How often it may be resumed. */
  readonly maxAttempts: number;
  /** Milliseconds after which to give up. */
  readonly limitMs: number;
  /** The run's reason after that. */
  readonly givenUp: string;
}

/** Receives the progress and outcome of a wait. */
export interface RecoveryObserver {
  /** {@link Recovery.state} has changed. */
  changed(): void;
  /** The fault is over. If this rejects, the wait continues with the reason. */
  over(): Promise<void>;
  /** The fault has lasted longer than the limit. @param reason from {@link Wait.givenUp} */
  givenUp(reason: string): void;
}

/** Returns the delay before a check, in seconds. @param before checks and resumptions so far */
export function pauseSeconds(before: number): number {
  return Math.min(firstSeconds * 2 ** before, longestSeconds);
}

/**
 * Checks with exponential backoff whether a fault is over, until it is or the wait ends otherwise. One wait at a time.
 */
export class Recovery {
  readonly #observer: RecoveryObserver;
  #ended = new AbortController();
  #state: RecoveryInput | undefined;

  constructor(observer: RecoveryObserver) {
    this.#observer = observer;
  }

  /** The wait in progress, as a message; undefined if there is none. */
  get state(): RecoveryInput | undefined {
    return this.#state;
  }

  /** Begins to wait. Replaces any wait in progress. */
  begin(wait: Wait): void {
    this.end();
    void this.#wait(wait, this.#ended.signal);
  }

  /** Ends the wait in progress, if any. */
  end(): void {
    this.#ended.abort();
    this.#ended = new AbortController();
    this.#state = undefined;
  }

  /** Settles when the wait has ended; never rejects. */
  async #wait({ fault, attempts, maxAttempts, limitMs, givenUp }: Wait, signal: AbortSignal): Promise<void> {
    const { waitingFor } = fault;
    const end = performance.now() + limitMs;
    const show = (problem: string, nextCheck?: Date): void => {
      this.#state = {
        waitingFor,
        problem,
        attempts,
        maxAttempts,
        ...(nextCheck && { nextCheck: timestampOf(nextCheck) }),
      };
      this.#observer.changed();
    };
    let problem = '';
    for (let checks = 0; ; checks++) {
      const pauseMs = 1000 * pauseSeconds(attempts + checks);
      show(problem, new Date(Date.now() + pauseMs));
      try {
        await delay(pauseMs, undefined, { signal });
      } catch {
        return;
      }
      if (performance.now() > end) return this.#observer.givenUp(givenUp);
      show(problem);
      try {
        await fault.check(signal);
        if (signal.aborted) return;
        return await this.#observer.over();
      } catch (error) {
        if (signal.aborted) return;
        problem = messageOf(error);
      }
    }
  }
}
