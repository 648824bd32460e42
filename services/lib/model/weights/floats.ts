/** Element types of weights, and their conversion from and to float32. */

export type FloatDtype = 'F32' | 'F16' | 'BF16';

/** Bytes of an element. */
export const bytesPerElement: Readonly<Record<FloatDtype, number>> = { F32: 4, F16: 2, BF16: 2 };

/** Whether a type named in a file is supported. */
export function isFloatDtype(dtype: string): dtype is FloatDtype {
  return dtype in bytesPerElement;
}

/** Copies a tensor's bytes into float32. F16 and BF16 are widened exactly. */
export function toFloat32(bytes: Uint8Array, dtype: FloatDtype): Float32Array {
  const raw = Uint8Array.from(bytes); // aligned, and allows the file's buffer to be freed
  if (dtype === 'F32') return new Float32Array(raw.buffer);
  const halves = new Uint16Array(raw.buffer);
  const words = new Uint32Array(halves.length);
  let i = 0;
  for (const half of halves) words[i++] = dtype === 'BF16' ? half << 16 : widenHalf(half);
  return new Float32Array(words.buffer);
}

/**
 * Converts float32 to bytes of a type, rounding to nearest, ties to even.
 *
 * @throws RangeError if a number overflows the type
 */
export function fromFloat32(data: Float32Array, dtype: FloatDtype): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length);
  const narrow = dtype === 'BF16' ? narrowBrain : narrowHalf;
  const halves = Uint16Array.from(words, narrow);
  return new Uint8Array(halves.buffer);
}

/** Shifts an integer right, rounding to nearest, ties to even. */
function shiftRounded(word: number, bits: number): number {
  const half = 2 ** (bits - 1);
  const quotient = Math.floor(word / 2 ** bits);
  const rest = word - quotient * 2 ** bits;
  return rest > half || (rest === half && quotient % 2 === 1) ? quotient + 1 : quotient;
}

/**
 * Converts a float32's bits to bfloat16.
 *
 * @throws RangeError if the number overflows it
 */
function narrowBrain(word: number): number {
  const half = shiftRounded(word, 16);
  if ((half & 0x7f80) === 0x7f80) throw new RangeError('a number overflows BF16');
  return half;
}

/**
 * Converts a float32's bits to IEEE 754 binary16.
 *
 * @throws RangeError if the number overflows it
 */
function narrowHalf(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const exponent = ((word >>> 23) & 0xff) - 112;
  const fraction = word & 0x7fffff;
  // A subnormal has no implicit leading one. Rounding up may carry into the exponent, which is then correct.
  const half =
    exponent > 0 ? shiftRounded(exponent * 2 ** 23 + fraction, 13) : shiftRounded(fraction + 2 ** 23, 14 - exponent);
  if (half >= 0x7c00) throw new RangeError('a number overflows F16');
  return sign | half;
}

/** Converts an IEEE 754 binary16 to float32's bits. */
function widenHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  const shift = Math.clz32(fraction) - 21; // subnormal: move the leading one to bit 10
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}
