/** The clock, which tests replace. */
import { setTimeout as delay } from 'node:timers/promises';

/** Reads the time and waits. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Waits; rejects with the signal's reason once it aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

/** The longest timer of Node.js. */
const longestMs = 2 ** 31 - 1;

/** This machine's clock. */
export const realClock: Clock = {
  now: () => Date.now(),
  async wait(ms, signal) {
    try {
      await delay(Math.min(ms, longestMs), undefined, { signal });
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  },
};
