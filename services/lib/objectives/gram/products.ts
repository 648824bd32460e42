/**
 * The sums that make up a Gram matrix. Products are added in float64 in a fixed order: within a block of
 * {@link blockLength} elements, the even elements and the odd ones, each ascending, then the two sums, then the blocks.
 * The result therefore depends only on the numbers, bit for bit, and not on the precision in which they are stored.
 *
 * The loops work on two rows at a time, so that each load serves several products, and read from arrays allocated once
 * per module, whose addresses and lengths the compiler knows.
 */
import { at, f64 } from '@gapo/numeric';

/** One gradient, flattened. */
export type GradientVector = Float32Array | Float64Array;

/** Elements per block. It affects the result because it determines the order of the additions. */
const blockLength = 8192;

/** Called after each block with its squared norms, length K, before they are added. */
export type BlockCheck = (start: number, count: number, squares: Float64Array) => void;

/** Blocks of four rows in float64. */
const a = new Float64Array(blockLength);
const b = new Float64Array(blockLength);
const c = new Float64Array(blockLength);
const d = new Float64Array(blockLength);

/** The output of the loops: four products, or those of one lane. */
const products = new Float64Array(4);
const lane = new Float64Array(4);

/**
 * Inner products of all pairs of gradients.
 *
 * @param gradients K vectors of one length ≥ 1
 * @param check may throw, which ends the computation
 * @returns [K, K], with only the lower triangle and the diagonal filled
 */
export function lowerProducts(gradients: readonly GradientVector[], check: BlockCheck): Float64Array {
  const size = gradients.length;
  const length = at(gradients, 0).length;
  const values = new Float64Array(size * size);
  const block = new Float64Array(size * size);
  const squares = new Float64Array(size);
  for (let start = 0; start < length; start += blockLength) {
    const count = Math.min(blockLength, length - start);
    blockProducts(gradients, start, count, block);
    for (let i = 0; i < size; i++) squares[i] = f64(block, i * size + i);
    check(start, count, squares);
    for (let k = 0; k < values.length; k++) values[k] = f64(values, k) + f64(block, k);
  }
  return values;
}

/** The products of one block, two rows by two. If K is odd, the last row also stands in for the missing one. */
function blockProducts(
  gradients: readonly GradientVector[],
  start: number,
  count: number,
  block: Float64Array, // [K, K]
): void {
  const size = gradients.length;
  const last = size - 1;
  for (let row = 0; row < size; row += 2) {
    const nextRow = Math.min(row + 1, last);
    load(a, at(gradients, row), start, count);
    load(b, at(gradients, nextRow), start, count);
    within(count);
    block[row * size + row] = f64(products, 0);
    block[nextRow * size + row] = f64(products, 1);
    block[nextRow * size + nextRow] = f64(products, 2);
    for (let column = 0; column < row; column += 2) {
      load(c, at(gradients, column), start, count);
      load(d, at(gradients, column + 1), start, count);
      between(count);
      block[row * size + column] = f64(products, 0);
      block[row * size + column + 1] = f64(products, 1);
      block[nextRow * size + column] = f64(products, 2);
      block[nextRow * size + column + 1] = f64(products, 3);
    }
  }
}

/** Copies a block of a gradient, padded with a 0 if the number of elements is odd. */
function load(into: Float64Array, gradient: GradientVector, start: number, count: number): void {
  into.set(gradient.subarray(start, start + count));
  if (count % 2 === 1) into[count] = 0;
}

/** aa, ab, bb. */
function within(count: number): void {
  let aaEven = 0;
  let abEven = 0;
  let bbEven = 0;
  let aaOdd = 0;
  let abOdd = 0;
  let bbOdd = 0;
  for (let k = 0; k < count; k += 2) {
    const x = f64(a, k);
    const y = f64(b, k);
    aaEven += x * x;
    abEven += x * y;
    bbEven += y * y;
    const u = f64(a, k + 1);
    const v = f64(b, k + 1);
    aaOdd += u * u;
    abOdd += u * v;
    bbOdd += v * v;
  }
  products[0] = aaEven + aaOdd;
  products[1] = abEven + abOdd;
  products[2] = bbEven + bbOdd;
}

/** ac, ad, bc, bd. */
function between(count: number): void {
  betweenLane(0, count);
  products.set(lane);
  betweenLane(1, count);
  for (let k = 0; k < lane.length; k++) products[k] = f64(products, k) + f64(lane, k);
}

/** One lane of the products, even elements or odd ones: the eight sums of both would not all stay in registers. */
function betweenLane(first: number, count: number): void {
  let ac = 0;
  let ad = 0;
  let bc = 0;
  let bd = 0;
  for (let k = first; k < count; k += 2) {
    const x = f64(a, k);
    const y = f64(b, k);
    const z = f64(c, k);
    const w = f64(d, k);
    ac += x * z;
    ad += x * w;
    bc += y * z;
    bd += y * w;
  }
  lane[0] = ac;
  lane[1] = ad;
  lane[2] = bc;
  lane[3] = bd;
}
