/** Checks which distribution an engine's log-probabilities belong to. */
import { at } from '@gapo/numeric';

/** ln of the probabilities of the same two tokens as the next one, at temperature 1 and at 2. */
export interface TemperatureProbe {
  readonly atOne: readonly [number, number];
  readonly atTwo: readonly [number, number];
}

/** Differences below this are rounding. */
const smallest = 1e-2;

/**
 * Returns whether log-probabilities are after the temperature. Their difference is that of the logits, divided by the temperature;
 * before it, both differences are equal.
 *
 * @returns undefined if the two tokens are about as probable, which decides nothing
 */
export function isAfterTemperature({ atOne, atTwo }: TemperatureProbe): boolean | undefined {
  const [one, two] = [at(atOne, 0) - at(atOne, 1), at(atTwo, 0) - at(atTwo, 1)];
  if (!(Math.abs(one) > smallest)) return undefined;
  return Math.abs(two - one / 2) < Math.abs(two - one);
}
