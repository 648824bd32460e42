/** Work on long texts in turns, between which the process does other work. */
import { setImmediate as eventLoopTurn } from 'node:timers/promises';

/** Completions of one turn: at most about a megabyte of text. */
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
