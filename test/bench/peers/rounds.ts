/** Rounds in which all ways of doing something alternate, so that other work on the machine slows all of them equally. */
import { median, required } from '@gapo/numeric';

/** One way: measures a round, in milliseconds. */
export type Way = () => Promise<number>;

/** How long a way took. */
export interface Timing {
  /** Milliseconds of each round, in order. */
  readonly rounds: readonly number[];
  readonly median: number;
}

/** Measures all ways alternately, `count` times each, after one warm-up round. Returns timings by name. */
export async function inTurn(
  ways: Readonly<Record<string, Way>>,
  count: number,
  say: (text: string) => void,
): Promise<(name: string) => Timing> {
  const found = new Map(Object.keys(ways).map((name) => [name, [] as number[]]));
  for (let round = 0; round <= count; round++) {
    for (const [name, way] of Object.entries(ways)) {
      const millis = await way();
      if (round > 0) found.get(name)?.push(millis);
    }
    say(round === 0 ? 'warmed up' : `round ${round} of ${count}`);
  }
  return (name) => {
    const rounds = required(found.get(name), `the rounds of ${name}`);
    return { rounds, median: median(rounds) };
  };
}
