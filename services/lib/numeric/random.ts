/**
 * The platform's randomness: counter-based, so that a draw is a function of (seed, step, prompt, sample, position) and
 * never of which worker drew it, when, or what was drawn before.
 *
 * The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 * Draws for different purposes under one seed must not share counters: derive a seed for each purpose with
 * {@link deriveSeed}.
 */

import { at } from './at.js';

const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;
const rounds = 10;

const two32 = 2 ** 32;

/** A block of four 32-bit words, each as an int32 with the same bits. */
interface Words {
  first: number;
  second: number;
  third: number;
  fourth: number;
}

/** The block of the latest draw; reused between calls, which are synchronous and read it at once. */
const drawn: Words = { first: 0, second: 0, third: 0, fourth: 0 };

/**
 * One block of Philox4x32-10: four 32-bit words from a 128-bit counter and a 64-bit key.
 *
 * @param counter four words, each in [0, 2³²)
 * @param key two words, each in [0, 2³²)
 */
export function philox4x32(counter: ArrayLike<number>, key: ArrayLike<number>): Uint32Array {
  draw(at(counter, 0), at(counter, 1), at(counter, 2), at(counter, 3), at(key, 0), at(key, 1));
  return Uint32Array.of(drawn.first, drawn.second, drawn.third, drawn.fourth);
}

/**
 * A number in [0, 1) with 53 random bits.
 *
 * @param seed integer in [0, 2⁵³)
 * @param counters up to four integers in [0, 2³²); those left out are 0
 * @throws RangeError for any other seed or counter
 *
 * @example
 * The draw of one position is the same on every worker and in every order:
 *
 * ```ts
 * import { uniform } from '@gapo/numeric';
 *
 * const [seed, step, prompt, sample] = [7, 3, 0, 2];
 * const forward = [0, 1, 2].map((position) => uniform(seed, step, prompt, sample, position));
 * const backward = [2, 1, 0].map((position) => uniform(seed, step, prompt, sample, position));
 * console.log(forward.every((draw, k) => draw === backward.at(-1 - k))); // true
 * ```
 */
export function uniform(seed: number, ...counters: readonly number[]): number {
  checkSeed(seed);
  checkCounters(counters, 4);
  const [low, high] = [seed % two32, Math.floor(seed / two32)];
  draw(counters[0] ?? 0, counters[1] ?? 0, counters[2] ?? 0, counters[3] ?? 0, low, high);
  return drawnDouble();
}

/**
 * Returns a standard normal number, by the Box-Muller transform of two uniforms.
 *
 * @param seed integer in [0, 2⁵³)
 * @param counters up to three integers in [0, 2³²); those left out are 0
 * @throws RangeError for any other seed or counter
 */
export function normal(seed: number, ...counters: readonly number[]): number {
  checkCounters(counters, 3);
  const [first = 0, second = 0, third = 0] = counters;
  const radius = Math.sqrt(-2 * Math.log(1 - uniform(seed, first, second, third, 0))); // 1 − u is in (0, 1]
  return radius * Math.cos(2 * Math.PI * uniform(seed, first, second, third, 1));
}

/**
 * Fills `out` with the uniforms of one sample of one prompt, one for each position: element k belongs to position
 * `firstPosition + k` and is `uniform(seed, step, promptIndex, sampleIndex, firstPosition + k)` cut to its first 24 bits,
 * so that it stays below 1 in float32. A completion drawn in stretches gets the same numbers as one drawn at once.
 *
 * @param out any length; overwritten
 * @param firstPosition position of element 0
 * @returns `out`
 * @throws RangeError for a seed or a counter out of range
 */
export function fillUniforms(
  out: Float32Array,
  seed: number,
  step: number,
  promptIndex: number,
  sampleIndex: number,
  firstPosition = 0,
): Float32Array {
  checkSeed(seed);
  checkCounters([step, promptIndex, sampleIndex, firstPosition], 4);
  if (firstPosition + out.length > two32) throw new RangeError('fillUniforms: positions go beyond 2^32');
  const [low, high] = [seed % two32, Math.floor(seed / two32)];
  for (let k = 0; k < out.length; k++) {
    draw(step, promptIndex, sampleIndex, firstPosition + k, low, high);
    out[k] = (drawn.first >>> 8) * 2 ** -24;
  }
  return out;
}

/**
 * A uniformly random order of 0 .. length-1 (Fisher-Yates).
 *
 * @param length number of items, at most 2³²
 * @param seed integer in [0, 2⁵³)
 * @param counters up to three integers in [0, 2³²), for example the epoch
 * @throws RangeError for a length, a seed or a counter out of range
 *
 * @example
 * The order of a data set's lines in each epoch:
 *
 * ```ts
 * import { permutation } from '@gapo/numeric';
 *
 * for (const epoch of [0, 1]) console.log(permutation(5, 7, epoch));
 * ```
 */
export function permutation(length: number, seed: number, ...counters: readonly number[]): Uint32Array {
  if (!Number.isInteger(length) || length < 0 || length > two32) {
    throw new RangeError(`permutation: length is ${length}, expected an integer of at least 0`);
  }
  checkSeed(seed);
  checkCounters(counters, 3);
  const [c0, c1, c2] = [counters[0] ?? 0, counters[1] ?? 0, counters[2] ?? 0];
  const own = deriveSeed(seed, 'permutation');
  const [low, high] = [own % two32, Math.floor(own / two32)];
  const order = Uint32Array.from({ length }, (_, k) => k);
  for (let k = length - 1; k > 0; k--) {
    draw(c0, c1, c2, k, low, high);
    const other = Math.floor(drawnDouble() * (k + 1));
    const kept = at(order, k);
    order[k] = at(order, other);
    order[other] = kept;
  }
  return order;
}

/**
 * Fills `out` with indices drawn from 0 .. count-1 with replacement: the bootstrap's resample number `resample`.
 *
 * @param count in [1, 2³²)
 * @throws RangeError for a count, a seed or a resample out of range
 */
export function fillResample(out: Uint32Array, count: number, seed: number, resample: number): Uint32Array {
  checkSeed(seed);
  checkCounters([resample], 1);
  if (!Number.isInteger(count) || count < 1 || count >= two32) {
    throw new RangeError(`fillResample: count is ${count}, expected an integer from 1 to 2^32 - 1`);
  }
  const [low, high] = [seed % two32, Math.floor(seed / two32)];
  for (let k = 0; k < out.length; k += 4) {
    draw(resample, k >>> 2, 0, 0, low, high);
    const words = [drawn.first, drawn.second, drawn.third, drawn.fourth].slice(0, out.length - k);
    out.set(
      words.map((word) => Math.floor(((word >>> 0) / two32) * count)),
      k,
    );
  }
  return out;
}

/**
 * A seed for one purpose, independent of the seeds for others: `deriveSeed(run.seed, 'dropout')`.
 *
 * @param seed integer in [0, 2⁵³)
 * @param purpose at least one character; the same text always gives the same seed
 * @returns integer in [0, 2⁵³)
 * @throws RangeError for a seed out of range or an empty purpose
 *
 * @example
 * Draws for two purposes under one seed, which share no counters:
 *
 * ```ts
 * import { deriveSeed, uniform } from '@gapo/numeric';
 *
 * const seed = 7;
 * const [sampling, dropout] = [deriveSeed(seed, 'sampling'), deriveSeed(seed, 'dropout')];
 * console.log(uniform(sampling, 0), uniform(dropout, 0));
 * ```
 */
export function deriveSeed(seed: number, purpose: string): number {
  checkSeed(seed);
  if (purpose.length === 0) throw new RangeError('deriveSeed: purpose is empty, expected a word for what is drawn');
  let [low, high] = [seed % two32, Math.floor(seed / two32)];
  for (let k = 0; k < purpose.length; k++) {
    // The last word sets these blocks apart from those of plain draws with small counters.
    draw(purpose.charCodeAt(k), k, purpose.length, 0xffffffff, low, high);
    low = drawn.first >>> 0;
    high = drawn.second >>> 0;
  }
  return (high & 0x1fffff) * two32 + low;
}

/** A number in [0, 1) from the first 53 of the drawn bits. */
function drawnDouble(): number {
  return ((drawn.first >>> 6) * 2 ** 27 + (drawn.second >>> 5)) * 2 ** -53;
}

/** Leaves the block of a counter and a key in {@link drawn}. */
function draw(
  counter0: number,
  counter1: number,
  counter2: number,
  counter3: number,
  key0: number,
  key1: number,
): void {
  let x0 = counter0 | 0;
  let x1 = counter1 | 0;
  let x2 = counter2 | 0;
  let x3 = counter3 | 0;
  let k0 = key0 | 0;
  let k1 = key1 | 0;
  for (let round = 0; round < rounds; round++) {
    const high0 = multiplyHigh(multiplier0, x0);
    const low0 = Math.imul(multiplier0, x0);
    const high1 = multiplyHigh(multiplier1, x2);
    const low1 = Math.imul(multiplier1, x2);
    x0 = high1 ^ x1 ^ k0;
    x1 = low1;
    x2 = high0 ^ x3 ^ k1;
    x3 = low0;
    k0 = (k0 + weyl0) | 0;
    k1 = (k1 + weyl1) | 0;
  }
  drawn.first = x0;
  drawn.second = x1;
  drawn.third = x2;
  drawn.fourth = x3;
}

/**
 * Upper 32 bits of the product of two unsigned 32-bit words, from products of 16-bit halves. All partial sums are below
 * 2³², so that unsigned shifts read them exactly; the result may come out negative, as an int32 with the same bits.
 */
function multiplyHigh(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle = Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16);
  const other = Math.imul(aLow, bHigh) + (middle & 0xffff);
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (other >>> 16)) | 0;
}

function checkSeed(seed: number): void {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`seed is ${seed}, expected an integer from 0 to 2^53 - 1`);
  }
}

function checkCounters(counters: readonly number[], most: number): void {
  if (counters.length > most) throw new RangeError(`${counters.length} counters given, at most ${most} are possible`);
  for (const counter of counters) {
    if (!Number.isInteger(counter) || counter < 0 || counter >= two32) {
      throw new RangeError(`counter is ${counter}, expected an integer from 0 to 2^32 - 1`);
    }
  }
}
