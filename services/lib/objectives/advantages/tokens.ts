/**
 * The layout of per-token numbers of a batch: one padded row for each completion, masked by its length and never by a
 * token id (padding may well be the end-of-sequence token).
 */

import { at } from '@gapo/numeric';

/** N rows of `width` numbers, row-major; only the first `lengths[r]` of row r count. */
export interface TokenLayout {
  /** Numbers in a row. */
  readonly width: number;
  /** Real tokens of each completion, including the end-of-sequence token; 0 ≤ length ≤ width. Length N. */
  readonly lengths: ArrayLike<number>;
}

/**
 * Checks that an array has the layout.
 *
 * @param what the array's name in the message
 * @throws RangeError when a length does not fit the width or the array does not fit both
 */
export function checkLayout(what: string, values: ArrayLike<number>, { width, lengths }: TokenLayout): void {
  if (!Number.isInteger(width) || width < 0) {
    throw new RangeError(`${what}: width is ${width}, expected an integer of at least 0`);
  }
  if (values.length !== lengths.length * width) {
    throw new RangeError(
      `${what}: ${values.length} numbers, expected ${lengths.length} rows of ${width} = ${lengths.length * width}`,
    );
  }
  for (let r = 0; r < lengths.length; r++) {
    const length = at(lengths, r);
    if (!Number.isInteger(length) || length < 0 || length > width) {
      throw new RangeError(`${what}: completion ${r} has length ${length}, expected an integer from 0 to ${width}`);
    }
  }
}
