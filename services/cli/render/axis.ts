/** Axes of plots: a padded range, round ticks, and positions. */

/** Maps values to positions. */
export interface Axis {
  /** The position of the low end, in pixels. */
  from: number;
  /** The position of the high end. */
  to: number;
  ticks: readonly { value: number; text: string }[];
  at(value: number): number;
}

const wantedTicks = 6;
/** Padding at both ends, as a share of the range. */
const room = 0.06;

/**
 * Returns an axis for a set of values.
 *
 * @param values finite, at least one
 */
export function axisOf(values: readonly number[], from: number, to: number): Axis {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const range = most > least ? most - least : Math.max(Math.abs(most), 1);
  const [low, high] = [least - room * range, most + room * range];
  const step = niceStep((high - low) / wantedTicks);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  const ticks = Array.from({ length: Math.max(last - first + 1, 0) }, (_, i) => {
    const value = (first + i) * step;
    return { value, text: (Math.abs(value) < step / 2 ? 0 : value).toFixed(digits) };
  });
  return { from, to, ticks, at: (value) => from + ((value - low) / (high - low)) * (to - from) };
}

/** Returns the smallest of 1, 2, 5 × a power of ten that is at least `minimum`. */
function niceStep(minimum: number): number {
  const power = 10 ** Math.floor(Math.log10(minimum));
  const factor = [1, 2, 5, 10].find((each) => each * power >= minimum * (1 - 1e-9)) ?? 10;
  return factor * power;
}
