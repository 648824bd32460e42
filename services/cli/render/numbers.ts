/** Formats numbers. Non-finite numbers are shown as n/a, never as 0. */

const missing = 'n/a';

/** Formats a number with a fixed number of decimals. */
export function fixed(value: number | undefined, digits: number): string {
  if (value === undefined || !Number.isFinite(value)) return missing;
  const text = value.toFixed(digits);
  // -0.00 would read as a loss.
  return /^-0(\.0*)?$/.test(text) ? text.slice(1) : text;
}

/** Formats a number with three significant digits, such as a KL of 0.00012 or 12. */
export function significant(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return missing;
  if (value === 0) return '0';
  const size = Math.abs(value);
  return size < 1e-4 || size >= 1e6 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}

/** Formats a difference, with its sign. */
export function signed(value: number | undefined, digits: number): string {
  const text = fixed(value, digits);
  return value !== undefined && value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

/** Formats a share as a percentage. */
export function percent(share: number | undefined, digits = 0): string {
  return share === undefined || !Number.isFinite(share) ? missing : `${(100 * share).toFixed(digits)} %`;
}

/** Formats a count, with thousands separators. */
export function count(value: number | undefined): string {
  return value === undefined || !Number.isFinite(value) ? missing : Math.round(value).toLocaleString('en-US');
}

/** Formats a duration given in seconds as `1 min 52 s`. */
export function duration(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds) || seconds < 0) return missing;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

/** Returns a finite number, or null. */
export function orNull(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}
