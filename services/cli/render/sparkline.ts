/** One-line charts. */

const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/**
 * Draws values as bars between their minimum and maximum. With more values than columns, each column is the mean of
 * consecutive values. A non-finite value leaves a gap.
 *
 * @param width columns
 */
export function sparkline(values: readonly number[], width: number): string {
  if (width <= 0 || values.length === 0) return '';
  const columns = values.length <= width ? [...values] : columnMeans(values, width);
  const known = columns.filter((value) => Number.isFinite(value));
  if (known.length === 0) return ' '.repeat(columns.length);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const bar = (value: number): string => {
    if (!Number.isFinite(value)) return ' ';
    const share = high > low ? (value - low) / (high - low) : 0.5;
    return bars[Math.min(Math.floor(share * bars.length), bars.length - 1)] ?? ' ';
  };
  return columns.map(bar).join('');
}

function columnMeans(values: readonly number[], width: number): number[] {
  return Array.from({ length: width }, (_, column) => {
    const from = Math.floor((column * values.length) / width);
    const to = Math.max(Math.floor(((column + 1) * values.length) / width), from + 1);
    const known = values.slice(from, to).filter((value) => Number.isFinite(value));
    return known.length === 0 ? NaN : known.reduce((sum, value) => sum + value, 0) / known.length;
  });
}
