/** Which steps keep their completions: the newest, and some earlier ones at even intervals. */

/**
 * Whether a step's completions are still kept after step `last`. The newest half of `keep` are; of the earlier steps, every 1st, 2nd, 4th,
 * 8th … counted from the first, with the smallest interval that leaves at most the other half. A step kept at some point was also kept at
 * every earlier point.
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
