/** The certificate of a direction: it agrees with the gradients themselves, and names whom a direction hurts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, f64 } from '@gapo/numeric';
import fc from 'fast-check';
import { combine } from './combiners/combine.js';
import { certificateText, certifyDirection, certifyStep, type StepObjective } from './directionCertificate.js';
import { weightedSum } from './gram/direction.js';
import { gradientNorms, gramMatrix, pairCosines, type Gram } from './gram/gram.js';

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, k) => sum + x * f64(b, k), 0);

/** A report's objectives, as the coordinator writes them. */
function reported(gram: Gram, weights: ArrayLike<number>): StepObjective[] {
  const pairs = pairCosines(gram);
  const norms = gradientNorms(gram);
  let next = 0;
  return gram.names.map((name, i) => ({
    name,
    weight: weights[i] ?? NaN,
    gradientNorm: f64(norms, i),
    cosines: Object.fromEntries(
      gram.names.slice(i + 1).flatMap((other) => {
        const cosine = pairs[next++];
        return cosine == null ? [] : [[other, cosine]];
      }),
    ),
  }));
}

const gradients = fc
  .integer({ min: 1, max: 8 })
  .chain((count) =>
    fc.array(fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 5, maxLength: 5 }), {
      minLength: count,
      maxLength: count,
    }),
  )
  .map((rows) => rows.map((row) => Float64Array.from(row, (x) => Math.fround(x) + 1e-3)));

test('progress is the inner product of each gradient with the direction, from the gradients and from a report', () => {
  fc.assert(
    fc.property(gradients, (all) => {
      const names = all.map((_, i) => `o${i}`);
      const gram = gramMatrix(all, names);
      const { weights, certificate } = combine(gram, { method: 'gapo', p: 1 });
      const direction = weightedSum(all, weights, new Float64Array(5));
      const residual = certificate?.relativeResidual;
      const given = certifyDirection(gram, weights, residual);
      const read = certifyStep(reported(gram, weights), residual) ?? assert.fail('the report is complete');
      for (const [i, gradient] of all.entries()) {
        const slack =
          1e-9 * Math.sqrt(dot(gradient, gradient)) * (1 + Math.sqrt(dot(direction, direction)) + all.length);
        for (const { progress } of [given, read]) {
          assert.ok(Math.abs(f64(progress, i) - dot(gradient, direction)) <= slack);
        }
      }
      // GAPO hurts nobody (theorem 3.3).
      assert.deepEqual([...given.hurt, ...read.hurt], []);
      assert.ok(Math.abs(given.squaredLength - dot(direction, direction)) <= 1e-9 * (1 + given.squaredLength));
      assert.match(certificateText(read), /nobody hurt; residual \d/);
    }),
  );
});

test('a direction that lowers an objective names it', () => {
  const gram = gramMatrix([Float64Array.of(1, 0), Float64Array.of(-1, 2)], ['helpful', 'harmless']);
  const hurtful = certifyDirection(gram, [1, 0]);
  assert.deepEqual(hurtful.hurt, ['harmless']);
  assert.equal(certificateText(hurtful), 'helpful +1, harmless -1: harmless hurt');
  assert.equal(
    certificateText(certifyDirection(gram, [0.75, 0.25], 3.2e-12)),
    'helpful +0.5, harmless +0.5, nobody hurt; residual 3e-12',
  );
  assert.throws(() => certifyDirection(gram, [1]), /1 weights for 2 objectives/);
});

test('rounding at the boundary of a projection hurts nobody', () => {
  const gram: Gram = { names: ['a', 'b'], values: Float64Array.of(1, -1e-14, -1e-14, 1) };
  assert.deepEqual(certifyDirection(gram, [1, 0]).hurt, []);
  const beyond: Gram = { names: ['a', 'b'], values: Float64Array.of(1, -1e-9, -1e-9, 1) };
  assert.deepEqual(certifyDirection(beyond, [1, 0]).hurt, ['b']);
});

test('a zero gradient has no cosines; any other number that is missing leaves no certificate', () => {
  const still = { name: 'still', weight: 0, gradientNorm: 0, cosines: {} };
  const moving = { name: 'moving', weight: 1, gradientNorm: 2, cosines: {} };
  const certificate = certifyStep([moving, still]) ?? assert.fail('complete');
  assert.deepEqual([...certificate.progress], [4, 0]);
  assert.equal(certificateText(certificate), 'moving +4, still 0, nobody hurt');
  const other = { ...moving, name: 'other' };
  assert.equal(certifyStep([moving, other]), undefined, 'a report without cosines');
  assert.equal(certifyStep([{ ...moving, weight: null }, still]), undefined);
  assert.equal(certifyStep([]), undefined);
});

test('of many objectives those that gain least are listed', () => {
  const names = Array.from({ length: 16 }, (_, i) => `o${i}`);
  const values = Float64Array.from({ length: 256 }, (_, n) => (n % 17 === 0 ? 1 : 0));
  const weights = names.map((_, i) => (i === 9 ? -0.5 : (i + 1) / 16));
  const certificate = certifyDirection({ names, values }, weights);
  assert.deepEqual(certificate.hurt, [at(names, 9)]);
  assert.equal(
    certificateText(certificate),
    'o0 +0.063, o1 +0.13, o2 +0.19, o3 +0.25, o4 +0.31, o9 -0.5, 10 others gain more: o9 hurt',
  );
});
