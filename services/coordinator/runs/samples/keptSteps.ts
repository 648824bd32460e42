/** Of which steps completions stay: of the newest, and of some before them at even distances. */

/**
 * Whether the completions of a step stay once those of step `last` are kept: the newest half of `keep` do, and before them every 1st, 2nd,
 * 4th, 8th … step from the first on, whichever leaves at most the other half. What stays later has stayed until then.
 *
 * @param keep steps in total, at least 1
 */
export function stays(step: number, last: number, keep: number): boolean {
  const newest = Math.ceil(keep / 2);
  const before = last - newest;
  if (step > before) return step <= last;
  const places = keep - newest;
  if (places === 0) return false;
  let stride = 1;
  while (Math.ceil(before / stride) > places) stride *= 2;
  return (step - 1) % stride === 0;
}
