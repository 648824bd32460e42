import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { at } from './at.js';
import { deriveSeed, fillUniforms, normal, permutation, philox4x32, uniform, fillResample } from './random.js';
import { assertClose } from './testing.fixture.js';

const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const seed = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

test('Philox4x32-10 gives the known answers published with Random123', () => {
  const ones = 0xffffffff;
  const vectors = [
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [ones, ones, ones, ones],
      [ones, ones],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const;
  for (const [counter, key, expected] of vectors) assert.deepEqual([...philox4x32(counter, key)], [...expected]);
});

/** The same generator in arbitrary-precision integers. */
function philoxInBigInt(counter: readonly number[], key: readonly number[]): number[] {
  const mask = 0xffffffffn;
  let [x0, x1, x2, x3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map(BigInt) as [bigint, bigint];
  for (let round = 0; round < 10; round++) {
    const [p0, p1] = [0xd2511f53n * x0, 0xcd9e8d57n * x2];
    [x0, x1, x2, x3] = [(p1 >> 32n) ^ x1 ^ k0, p1 & mask, (p0 >> 32n) ^ x3 ^ k1, p0 & mask];
    [k0, k1] = [(k0 + 0x9e3779b9n) & mask, (k1 + 0xbb67ae85n) & mask];
  }
  return [x0, x1, x2, x3].map(Number);
}

test('32-bit arithmetic agrees with arbitrary precision on any counter and key', () => {
  fc.assert(
    fc.property(fc.tuple(word, word, word, word), fc.tuple(word, word), (counter, key) => {
      assert.deepEqual([...philox4x32(counter, key)], philoxInBigInt(counter, key));
    }),
    { numRuns: 500 },
  );
});

test('uniforms lie in [0, 1), depend on every counter, and on nothing else', () => {
  fc.assert(
    fc.property(seed, fc.tuple(word, word, word, word), fc.nat(3), (s, counters, which) => {
      const value = uniform(s, ...counters);
      assert.ok(value >= 0 && value < 1);
      assert.equal(uniform(s, ...counters), value);
      const changed = counters.map((c, i) => (i === which ? (c + 1) % 2 ** 32 : c));
      assert.notEqual(uniform(s, ...changed), value);
      assert.notEqual(uniform((s + 1) % 2 ** 53, ...counters), value);
    }),
  );
  assert.equal(uniform(5, 1), uniform(5, 1, 0, 0, 0));
});

test('a seed keeps all of its 53 bits', () => {
  assert.notEqual(uniform(1), uniform(1 + 2 ** 32));
  assert.notEqual(uniform(1), uniform(1 + 2 ** 52));
});

test('filled uniforms are those of their positions, in whatever stretches they are drawn', () => {
  fc.assert(
    fc.property(
      seed,
      word,
      word,
      word,
      fc.integer({ min: 1, max: 40 }),
      fc.nat(40),
      (s, step, prompt, sample, n, cut) => {
        const whole = fillUniforms(new Float32Array(n), s, step, prompt, sample);
        whole.forEach((value, position) => {
          const exact = uniform(s, step, prompt, sample, position);
          assert.equal(value, Math.floor(exact * 2 ** 24) / 2 ** 24);
        });
        const first = Math.min(cut, n);
        const head = fillUniforms(new Float32Array(first), s, step, prompt, sample);
        const tail = fillUniforms(new Float32Array(n - first), s, step, prompt, sample, first);
        assert.deepEqual([...head, ...tail], [...whole]);
      },
    ),
  );
});

test('uniforms are uniform: mean, variance and all of 64 bins', () => {
  const draws = fillUniforms(new Float32Array(100_000), 42, 0, 0, 0);
  assert.ok(draws.every((value) => value >= 0 && value < 1));
  const mean = draws.reduce((sum, value) => sum + value, 0) / draws.length;
  assertClose(mean, 0.5, 0.004);
  assertClose(draws.reduce((sum, value) => sum + (value - mean) ** 2, 0) / draws.length, 1 / 12, 0.002);
  const bins = new Array<number>(64).fill(0);
  for (const value of draws) {
    const bin = Math.floor(value * 64);
    bins[bin] = at(bins, bin) + 1;
  }
  const expected = draws.length / 64;
  const chiSquared = bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  assert.ok(chiSquared < 110, `chi-squared ${chiSquared} for 63 degrees of freedom`);
});

test('a permutation holds every index once, repeats from its seed and changes with the epoch', () => {
  fc.assert(
    fc.property(fc.nat(200), seed, word, (length, s, epoch) => {
      const order = permutation(length, s, epoch);
      assert.deepEqual(
        [...order].sort((a, b) => a - b),
        [...Array(length).keys()],
      );
      assert.deepEqual(permutation(length, s, epoch), order);
    }),
  );
  assert.notDeepEqual(permutation(100, 1, 0), permutation(100, 1, 1));
  assert.notDeepEqual(permutation(100, 1), permutation(100, 2));
});

test('all orders of three are equally likely', () => {
  const counts = new Map<string, number>();
  for (let epoch = 0; epoch < 6000; epoch++) {
    const key = permutation(3, 9, epoch).join();
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  assert.equal(counts.size, 6);
  counts.forEach((count) => assertClose(count, 1000, 130));
});

test('seeds derived for different purposes differ, and stay seeds', () => {
  fc.assert(
    fc.property(seed, fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (s, one, other) => {
      const derived = deriveSeed(s, one);
      assert.ok(Number.isSafeInteger(derived) && derived >= 0);
      assert.equal(deriveSeed(s, one), derived);
      if (one !== other) assert.notEqual(deriveSeed(s, other), derived);
    }),
  );
});

test('resamples hit every index about equally often', () => {
  const indices = fillResample(new Uint32Array(50_001), 7, 3, 0);
  const counts = new Array<number>(7).fill(0);
  for (const index of indices) counts[index] = at(counts, index) + 1;
  counts.forEach((count) => assertClose(count, 50_001 / 7, 400));
});

test('seeds and counters out of range are refused', () => {
  assert.throws(() => uniform(-1), /seed is -1/);
  assert.throws(() => uniform(2 ** 53), /seed is/);
  assert.throws(() => uniform(0.5), /seed is 0.5/);
  assert.throws(() => uniform(1, -1), /counter is -1/);
  assert.throws(() => uniform(1, 2 ** 32), /counter is 4294967296/);
  assert.throws(() => uniform(1, 0, 0, 0, 0, 0), /5 counters given, at most 4/);
  assert.throws(() => fillUniforms(new Float32Array(2), 1, 0, 0, 0, 2 ** 32 - 1), /beyond 2\^32/);
  assert.throws(() => permutation(-1, 1), /length is -1/);
  assert.throws(() => deriveSeed(1, ''), /purpose is empty/);
});

test('normal numbers have the moments of the standard normal distribution, and depend on their counters alone', () => {
  const draws = Array.from({ length: 20_000 }, (_, i) => normal(7, 1, i % 100, Math.floor(i / 100)));
  const moment = (power: number): number => draws.reduce((sum, x) => sum + x ** power, 0) / draws.length;
  // Standard errors of the first four moments are at most √96/√n = 0.07.
  [0, 1, 0, 3].forEach((expected, k) => assert.ok(Math.abs(moment(k + 1) - expected) < 0.2, `moment ${k + 1}`));
  assert.equal(normal(7, 1, 2, 3), normal(7, 1, 2, 3));
  assert.equal(new Set(draws).size, draws.length);
  assert.equal(normal(7), normal(7, 0, 0, 0));
  assert.throws(() => normal(7, 0, 0, 0, 0), RangeError);
});
