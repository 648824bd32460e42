/** Random initial values from the counter-based generator: a tensor's elements depend only on the seed and the tensor's index. */
import { f32, fillUniforms } from '@gapo/numeric';

/** Draws `size` numbers, uniform in [low, high). */
export function philoxUniform(size: number, seed: number, index: number, low: number, high: number): Float32Array {
  const data = fillUniforms(new Float32Array(size), seed, index, 0, 0);
  for (let i = 0; i < size; i++) data[i] = low + (high - low) * f32(data, i);
  return data;
}

/** Draws `size` normal numbers with mean 0, by the Box-Muller transform. */
export function philoxNormal(size: number, seed: number, index: number, deviation: number): Float32Array {
  const radius = fillUniforms(new Float32Array(size), seed, index, 1, 0);
  const angle = fillUniforms(new Float32Array(size), seed, index, 2, 0);
  const data = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const r = Math.sqrt(-2 * Math.log(1 - f32(radius, i))); // 1 − u is in (0, 1], so the logarithm is finite
    data[i] = deviation * r * Math.cos(2 * Math.PI * f32(angle, i));
  }
  return data;
}
