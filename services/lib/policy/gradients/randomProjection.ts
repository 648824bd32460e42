/**
 * Random projection of flat gradients (Johnson and Lindenstrauss 1984, with random signs as in Achlioptas 2003). It preserves
 * inner products in expectation, with a relative error of about √(2 / dimensions).
 */
import { deriveSeed, philox4x32 } from '@gapo/numeric';

const wordBits = 32;
const wordsOfBlock = 4;

/**
 * Projects a gradient to `dimensions` numbers: y_d = Σ_p sign(d, p) · x_p / √dimensions, summed in float64. A sign depends
 * only on the seed, the dimension and the position, so the projections of shards can be summed.
 *
 * @throws RangeError if `dimensions` is not a whole number of at least 1
 */
export function project(gradient: Float32Array, dimensions: number, seed: number): Float32Array {
  if (!Number.isInteger(dimensions) || dimensions < 1) {
    throw new RangeError(`projection_dimensions is ${dimensions}; it must be a whole number of at least 1`);
  }
  const own = deriveSeed(seed, 'projection');
  const key = [own % 2 ** 32, Math.floor(own / 2 ** 32)];
  const projected = new Float32Array(dimensions);
  for (let d = 0; d < dimensions; d++) {
    let sum = 0;
    for (let start = 0; start < gradient.length; start += wordBits * wordsOfBlock) {
      const block = philox4x32([start / (wordBits * wordsOfBlock), d, 0, 0], key);
      const end = Math.min(gradient.length, start + wordBits * wordsOfBlock);
      for (let p = start; p < end; p++) {
        const offset = p - start;
        const sign = ((block[offset >>> 5] as number) >>> (offset & 31)) & 1;
        sum += sign === 1 ? (gradient[p] as number) : -(gradient[p] as number);
      }
    }
    projected[d] = sum / Math.sqrt(dimensions);
  }
  return projected;
}
