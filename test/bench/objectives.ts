/** How fast gradients are combined: the weights from a Gram matrix, and the Gram matrix against the machine's memory. */

import { at, f32, f64, uniform } from '@gapo/numeric';
import {
  combine,
  gramFromMatrix,
  gramMatrix,
  methods,
  type CombineOptions,
  type Gram,
  type Method,
} from '@gapo/objectives';

const objectives = 8;
const evenPreference = [0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2];

/** The options of the methods that need any; for `pcgrad`, the default for 8 objectives. */
const options: Readonly<Record<string, object>> = {
  gapo: { p: 2 },
  pgapo: { preference: evenPreference, nonConflicting: true },
  linear: { weights: evenPreference },
  morlhf: { weights: evenPreference },
  gdpo: { weights: evenPreference },
  single: { objective: 0 },
  lagrangian: { objective: 0, multipliers: evenPreference.map((value, k) => (k === 0 ? 0 : value)) },
  tchebycheff: { preference: evenPreference, values: evenPreference, reference: evenPreference.map(() => 1) },
  pcgrad: { order: { seed: 1, step: 1 } },
  gradvac: { order: { seed: 1, step: 1 } },
  raco: { preference: evenPreference },
  'aligned-mtl': { preference: evenPreference },
  upgrad: { preference: evenPreference },
  dualproj: { preference: evenPreference },
  pama: { advantages: evenPreference },
  'mgda-decoupled': { losses: evenPreference },
};

/** The paper's methods. */
const ofPaper = new Set<string>(['mgda', 'gapo', 'pgapo']);

const gradients = 4;
const vectorLength = 10_000_000;
const bytes = 4 * gradients * vectorLength;

/**
 * Measures in one process and one run; every figure is the best of several, because other processes only ever add time.
 *
 * - `objectives.combineMicros8`: µs for one combination for K = 8, the slowest of MGDA, GAPO and P-GAPO.
 * - `objectives.medianMicros8`: the median over combinations for the slowest of all methods; `objectives.micros8.METHOD` for
 *   each.
 * - `objectives.readGigabytesPerSecond`: a plain sum over 160 MB, in one thread, read as float64 (fewest instructions).
 * - `objectives.gramGigabytesPerSecond`: the Gram matrix of 4 gradients of 10 million floats.
 * - `objectives.gramOfBandwidth`: the second of these divided by the first.
 * - `objectives.gramOfBandwidth2`: the same for the first two of the gradients.
 * - `objectives.gramOfFloatSum`: against a plain sum over the same float32 arrays, which converts every element.
 *
 * @throws Error if the sums are not numbers
 */
export function objectivesBench(): Promise<Record<string, number>> {
  // A few at a time, because a measurement interrupted by another process is useless.
  const grams = Array.from({ length: 10 }, (_, k) => sampleGram(k));
  const optionsOf = (method: Method): CombineOptions => ({ method, ...options[method] }) as CombineOptions;
  const micros = methods
    .filter((method) => ofPaper.has(method))
    .map((method) => 1e3 * bestMillis(2000, () => grams.forEach((gram) => combine(gram, optionsOf(method)))));
  const medians = methods.map((method) => [method, medianMicros(grams, optionsOf(method))] as const);

  const vectors = Array.from({ length: gradients }, (_, i) =>
    Float32Array.from({ length: vectorLength }, (_element, k) => ((k * (i + 3)) % 1009) / 1009 - 0.5),
  );
  const names = vectors.map((_, i) => `objective ${i}`);
  const [pair, pairNames] = [vectors.slice(0, 2), names.slice(0, 2)];
  const doubles = vectors.map((array) => new Float64Array(array.buffer));
  let check = 0;
  const work = {
    read: () => doubles.forEach((array) => (check += sum(array))),
    floats: () => vectors.forEach((array) => (check += sumOfFloats(array))),
    gram: () => (check += traceOf(gramMatrix(vectors, names))),
    pair: () => (check += traceOf(gramMatrix(pair, pairNames))),
  };
  const times = { read: Infinity, floats: Infinity, gram: Infinity, pair: Infinity };
  // Alternating, so that other processes disturb all of them equally.
  for (let round = 0; round < 20; round++) {
    times.read = Math.min(times.read, bestMillis(2, work.read));
    times.floats = Math.min(times.floats, bestMillis(1, work.floats));
    times.gram = Math.min(times.gram, bestMillis(2, work.gram));
    times.pair = Math.min(times.pair, bestMillis(2, work.pair));
  }
  if (Number.isNaN(check)) throw new Error('objectives bench: the sums are not numbers; nothing was measured');
  const rate = (millis: number): number => bytes / millis / 1e6;
  return Promise.resolve({
    'objectives.combineMicros8': Math.max(...micros) / grams.length,
    'objectives.medianMicros8': Math.max(...medians.map(([, median]) => median)),
    ...Object.fromEntries(medians.map(([method, median]) => [`objectives.micros8.${method}`, median])),
    'objectives.readGigabytesPerSecond': rate(times.read),
    'objectives.gramGigabytesPerSecond': rate(times.gram),
    'objectives.gramOfBandwidth': times.read / times.gram,
    'objectives.gramOfBandwidth2': times.read / 2 / times.pair,
    'objectives.gramOfFloatSum': times.floats / times.gram,
  });
}

/** The median time of one combination, in µs. */
function medianMicros(grams: readonly Gram[], of: CombineOptions): number {
  const times = Array.from({ length: 500 }, () =>
    grams.map((gram) => {
      const before = performance.now();
      combine(gram, of);
      return 1e3 * (performance.now() - before);
    }),
  ).flat();
  times.sort((a, b) => a - b);
  return at(times, times.length >> 1);
}

function traceOf({ values, names }: Gram): number {
  return names.reduce((trace, _, i) => trace + at(values, i * names.length + i), 0);
}

/** Eight conflicting gradients of 24 numbers, with norms up to a hundredfold apart. */
function sampleGram(seed: number): Gram {
  const vectors = Array.from({ length: objectives }, (_, i) =>
    Array.from({ length: 24 }, (__, k) => 10 ** ((i % 3) - 1) * (uniform(seed, i, k) - 0.45)),
  );
  const matrix = vectors.flatMap((a) => vectors.map((b) => a.reduce((total, x, k) => total + x * at(b, k), 0)));
  return gramFromMatrix(
    matrix,
    vectors.map((_, i) => `objective ${i}`),
  );
}

function bestMillis(repeats: number, work: () => void): number {
  let best = Infinity;
  for (let repeat = 0; repeat < repeats; repeat++) {
    const before = performance.now();
    work();
    best = Math.min(best, performance.now() - before);
  }
  return best;
}

/** Eight independent sums, which read memory as fast as one thread can in this language. */
function sum(values: Float64Array): number {
  let [a, b, c, d, e, f, g, h] = [0, 0, 0, 0, 0, 0, 0, 0];
  const whole = values.length - (values.length % 8);
  for (let k = 0; k < whole; k += 8) {
    a += f64(values, k);
    b += f64(values, k + 1);
    c += f64(values, k + 2);
    d += f64(values, k + 3);
    e += f64(values, k + 4);
    f += f64(values, k + 5);
    g += f64(values, k + 6);
    h += f64(values, k + 7);
  }
  for (let k = whole; k < values.length; k++) a += f64(values, k);
  return a + b + (c + d) + (e + f + (g + h));
}

/** Four independent sums, each element converted to float64; more of them are no faster. */
function sumOfFloats(values: Float32Array): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = values.length - (values.length % 4);
  for (let k = 0; k < whole; k += 4) {
    a += f32(values, k);
    b += f32(values, k + 1);
    c += f32(values, k + 2);
    d += f32(values, k + 3);
  }
  for (let k = whole; k < values.length; k++) a += f32(values, k);
  return a + b + (c + d);
}
