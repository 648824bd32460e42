/**
 * The sums that make up a Gram matrix, block by block. All ways to them add in one order: within a block the products
 * of even elements and those of odd elements, each ascending, then the two sums, then the blocks. So the result depends
 * on the numbers alone, bit for bit, and not on how they are stored.
 */

import { BETWEEN, createKernel, mostPages, page, WITHIN, type ProductKernel } from './productKernel.js';

/** One gradient, flattened. */
export type GradientVector = Float32Array | Float64Array;

/** Elements of each gradient that are worked on at a time: copies of K = 4 blocks stay in a level-2 cache. */
const BLOCK = 8192;

/** Called after each block with its squared norms, length K, before they are added. */
export type BlockCheck = (start: number, count: number, squares: Float64Array) => void;

/** The kernel over the memory of {@link gradientArrays}, by the buffer of the arrays. */
const kernels = new WeakMap<ArrayBufferLike, ProductKernel>();

/** The kernel for copies of blocks, for as many gradients as were ever given at once; calls are synchronous. */
let scratch: { readonly kernel: ProductKernel | undefined; readonly size: number } | undefined;

/** Memory of a kernel: the products' lanes, a block of zeros, and then what is multiplied. */
const lanesAt = 0;
const zerosAt = 256;
const dataAt = zerosAt + 4 * BLOCK;

/**
 * Arrays for K gradients that {@link gramMatrix} reads where they lie: nearly twice as fast as ordinary ones,
 * which it has to copy block by block. Allocate once and reuse; the memory is freed with the last array, and cannot be
 * transferred to another thread.
 *
 * Where K·length·4 bytes are more than the 4 GiB that 32-bit addresses reach, or more than the process can get in one
 * piece, the arrays are ordinary ones.
 *
 * @param count K ≥ 1
 * @param length elements of each
 * @returns K arrays of zeros
 */
export function gradientArrays(count: number, length: number): Float32Array[] {
  for (const [what, value] of Object.entries({ count, length })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`gradientArrays: ${what} is ${value}, expected a whole number of at least 1`);
    }
  }
  const indices = Array.from({ length: count }, (_, i) => i);
  const pages = Math.ceil((dataAt + 4 * count * length) / page);
  const kernel = pages > mostPages ? undefined : createKernel(pages);
  if (!kernel) return indices.map(() => new Float32Array(length));
  kernels.set(kernel.buffer, kernel);
  return indices.map((i) => new Float32Array(kernel.buffer, dataAt + 4 * i * length, length));
}

/**
 * Inner products of all pairs of gradients.
 *
 * @param gradients K vectors of one length ≥ 1
 * @param check may throw, which ends the computation
 * @returns K×K row-major, of which the lower triangle and the diagonal are filled
 */
export function lowerProducts(gradients: readonly GradientVector[], check: BlockCheck): Float64Array {
  if (!gradients.every((gradient) => gradient instanceof Float32Array)) return inDoubles(gradients, check);
  const buffer = gradients[0]!.buffer;
  const inPlace = gradients.every((gradient) => gradient.buffer === buffer) ? kernels.get(buffer) : undefined;
  const kernel = inPlace ?? scratchFor(gradients.length);
  return kernel ? inSingles(gradients, kernel, inPlace !== undefined, check) : inDoubles(gradients, check);
}

function scratchFor(size: number): ProductKernel | undefined {
  if (!scratch || scratch.size < size) {
    scratch = { kernel: createKernel(Math.ceil((dataAt + 4 * BLOCK * size) / page)), size };
  }
  return scratch.kernel;
}

/** Float32 gradients through the kernel, where they lie or through copies of one block each. */
function inSingles(
  gradients: readonly Float32Array[],
  kernel: ProductKernel,
  inPlace: boolean,
  check: BlockCheck,
): Float64Array {
  const size = gradients.length;
  const length = gradients[0]!.length;
  const padded = Math.ceil(size / 4) * 4;
  const lanes = new Float64Array(kernel.buffer, lanesAt, 20);
  const copies = inPlace ? [] : gradients.map((_, i) => new Float32Array(kernel.buffer, dataAt + 4 * BLOCK * i, BLOCK));
  const addresses = new Float64Array(padded).fill(zerosAt);
  const last = new Float64Array(padded);
  const values = new Float64Array(size * size);
  const block = new Float64Array(size * size);
  const squares = new Float64Array(size);
  for (let start = 0; start < length; start += BLOCK) {
    const count = Math.min(BLOCK, length - start);
    for (let i = 0; i < size; i++) {
      const gradient = gradients[i]!;
      if (inPlace) {
        addresses[i] = gradient.byteOffset + 4 * start;
      } else {
        addresses[i] = dataAt + 4 * BLOCK * i;
        copies[i]!.set(count === length ? gradient : gradient.subarray(start, start + count));
      }
      last[i] = count % 2 === 1 ? gradient[start + count - 1]! : 0;
    }
    blockProducts(kernel, lanes, addresses, last, 4 * (count - (count % 2)), size, block);
    for (let i = 0; i < size; i++) squares[i] = block[i * size + i]!;
    check(start, count, squares);
    for (let k = 0; k < values.length; k++) values[k]! += block[k]!;
  }
  return values;
}

/** The products of one block, four vectors at a time; vectors that are missing in the last four are zeros. */
function blockProducts(
  { within, between }: ProductKernel,
  lanes: Float64Array,
  at: Float64Array,
  last: Float64Array,
  bytes: number,
  size: number,
  block: Float64Array,
): void {
  for (let row = 0; row < size; row += 4) {
    within(at[row]!, at[row + 1]!, at[row + 2]!, at[row + 3]!, bytes, lanesAt);
    for (let lane = 0; lane < WITHIN.length; lane++) {
      const i = row + WITHIN[lane]![1];
      const j = row + WITHIN[lane]![0];
      if (i < size) block[i * size + j] = lanes[2 * lane]! + last[i]! * last[j]! + lanes[2 * lane + 1]!;
    }
    for (let first = row; first < size && first < row + 4; first += 2) {
      for (let column = 0; column < row; column += 2) {
        between(at[first]!, at[first + 1]!, at[column]!, at[column + 1]!, bytes, lanesAt);
        for (let lane = 0; lane < BETWEEN.length; lane++) {
          const i = first + BETWEEN[lane]![0];
          const j = column + BETWEEN[lane]![1] - 2;
          if (i < size) block[i * size + j] = lanes[2 * lane]! + last[i]! * last[j]! + lanes[2 * lane + 1]!;
        }
      }
    }
  }
}

/** Gradients of which some are float64, through float64 copies of one block each. */
function inDoubles(gradients: readonly GradientVector[], check: BlockCheck): Float64Array {
  const size = gradients.length;
  const length = gradients[0]!.length;
  const values = new Float64Array(size * size);
  const squares = new Float64Array(size);
  const room = Math.min(BLOCK, length);
  const block = new Float64Array(size * room);
  for (let start = 0; start < length; start += BLOCK) {
    const count = Math.min(BLOCK, length - start);
    for (let i = 0; i < size; i++) {
      block.set(gradients[i]!.subarray(start, start + count), i * room);
      squares[i] = dot(block, i * room, i * room, count);
    }
    check(start, count, squares);
    for (let i = 0; i < size; i++) {
      values[i * size + i]! += squares[i]!;
      for (let j = 0; j < i; j++) values[i * size + j]! += dot(block, i * room, j * room, count);
    }
  }
  return values;
}

/** Inner product of `count` elements from two offsets: the sum over even ones plus the sum over odd ones. */
function dot(block: Float64Array, a: number, b: number, count: number): number {
  let even = 0;
  let odd = 0;
  const paired = count - (count % 2);
  for (let k = 0; k < paired; k += 2) {
    even += block[a + k]! * block[b + k]!;
    odd += block[a + k + 1]! * block[b + k + 1]!;
  }
  if (paired < count) even += block[a + paired]! * block[b + paired]!;
  return even + odd;
}
