/**
 * Splits work on long texts into turns of the event loop, so that the process can do other work in
 * between.
 */
import { setImmediate as eventLoopTurn } from 'node:timers/promises';

/** Completions per turn: at most about a megabyte of text. */
const perTurn = 16;

/** Maps values in order, a few in each turn of the event loop. */
export async function mapInTurns<T, R>(values: readonly T[], map: (value: T) => R): Promise<R[]> {
  const mapped: R[] = [];
  for (const value of values) {
    if (mapped.length > 0 && mapped.length % perTurn === 0) await eventLoopTurn();
    mapped.push(map(value));
  }
  return mapped;
}
