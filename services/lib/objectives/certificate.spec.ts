import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { alternativeText, certificateOfReport, certificateText, updateCertificate } from './certificate.js';
import { combine, stationarity } from './combiners/combine.js';
import { gradientNorms, gramFromCosines, gramMatrix, pairCosines, type Gram } from './gram/gram.js';

const names = ['helpful', 'harmless', 'brief'];

function gramOf(...gradients: readonly (readonly number[])[]): Gram {
  return gramMatrix(
    gradients.map((gradient) => Float64Array.from(gradient)),
    names.slice(0, gradients.length),
  );
}

const gradient = fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 4, maxLength: 4 });
const grams = fc.array(gradient, { minLength: 1, maxLength: 3 }).map((rows) => gramOf(...rows));

test('an update that gains on one objective and hurts the other says so, with the cosine of each', () => {
  const gram = gramOf([1, 0], [-1, 1]);
  const { objectives, norm, commonAscent } = updateCertificate(gram, [0, 1]);
  assert.deepEqual(
    objectives.map(({ name, progress, effect }) => [name, progress, effect]),
    [
      ['helpful', -1, 'hurt'],
      ['harmless', 2, 'gained'],
    ],
  );
  for (const [k, expected] of [-1 / Math.SQRT2, 1].entries()) {
    assert.ok(Math.abs((objectives[k]?.relative ?? NaN) - expected) < 1e-15);
  }
  assert.equal(norm, Math.SQRT2);
  assert.equal(commonAscent, true);
  assert.equal(
    certificateText(updateCertificate(gram, [0, 1])),
    'helpful -0.71, harmless +1.00, helpful hurt though a direction improves all; residual 0',
  );
});

test('opposed gradients have no common ascent, and a zero gradient is neither hurt nor in the way', () => {
  const opposed = updateCertificate(gramOf([1, 0], [-2, 0]), [1, 0]);
  assert.equal(opposed.commonAscent, false);
  assert.match(certificateText(opposed), /harmless hurt where no direction improves all/);
  const withZero = updateCertificate(gramOf([1, 0], [0, 0], [1, 1]), [1, 1, 1]);
  assert.equal(withZero.commonAscent, true);
  assert.deepEqual(
    withZero.objectives.map(({ effect }) => effect),
    ['gained', 'kept', 'gained'],
  );
  const [, zero] = withZero.gram.names;
  assert.match(
    alternativeText(withZero),
    new RegExp(`improves every objective but ${zero}, whose gradient was zero, with`),
  );
  assert.match(alternativeText(updateCertificate(gramOf([1, 0], [1, 1]), [1, 1])), /improves every objective, with/);
  assert.equal(updateCertificate(gramOf([0, 0]), [1]).commonAscent, false);
});

test('the margin is the stationarity that reports have, and GAPO hurts nobody where it is above 0', () => {
  fc.assert(
    fc.property(grams, (gram) => {
      if (gradientNorms(gram).includes(0)) return;
      const { weights } = combine(gram, { method: 'gapo', p: 1 });
      const { margin, commonAscent, residual, objectives } = updateCertificate(gram, weights);
      assert.ok(Math.abs(margin ** 2 - stationarity(gram)) < 1e-12);
      assert.ok(residual <= 1e-10);
      if (commonAscent) assert.ok(objectives.every(({ effect }) => effect === 'gained'));
    }),
  );
});

test('where no common ascent exists, every direction hurts someone or leaves someone as they are', () => {
  fc.assert(
    fc.property(grams, fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 3, maxLength: 3 }), (gram, weights) => {
      const { commonAscent, objectives } = updateCertificate(gram, weights.slice(0, gram.names.length));
      if (!commonAscent) assert.ok(objectives.some(({ effect }) => effect !== 'gained'));
    }),
  );
});

test('norms and cosines of a report give the same certificate as the gradients', () => {
  const gram = gramOf([3, 1, 0], [-1, 2, 1], [0, -1, 4]);
  const rebuilt = gramFromCosines(names, gradientNorms(gram), pairCosines(gram));
  const [one, other] = [gram, rebuilt].map((each) => updateCertificate(each, [0.2, 0.5, 0.3]));
  assert.equal(
    certificateText(other ?? assert.fail()).replace(/residual.*/, ''),
    certificateText(one ?? assert.fail()).replace(/residual.*/, ''),
  );
  for (const [k, { progress }] of one?.objectives.entries() ?? assert.fail()) {
    assert.ok(Math.abs(progress - (other?.objectives[k]?.progress ?? NaN)) < 1e-12);
  }
  assert.throws(
    () => gramFromCosines(names, [1, 1, 1], [0]),
    /3 norms and 1 cosines for 3 objectives, expected 3 and 3/,
  );
});

test('a report is enough, unless it lacks a cosine of two gradients', () => {
  const gram = gramOf([3, 1, 0], [-1, 2, 1], [0, 0, 0]);
  const cosine = pairCosines(gram)[0] ?? NaN;
  const [a = NaN, b = NaN] = gradientNorms(gram);
  const report = [
    { name: 'helpful', weight: 0.2, gradientNorm: a, cosines: { harmless: cosine } },
    { name: 'harmless', weight: 0.8, gradientNorm: b, cosines: {} },
    { name: 'brief', weight: 0, gradientNorm: 0, cosines: {} },
  ];
  const { objectives, norm } = updateCertificate(gram, [0.2, 0.8, 0]);
  const reported = certificateOfReport(report) ?? assert.fail('the report is complete');
  assert.deepEqual(
    reported.objectives.map(({ effect }) => effect),
    objectives.map(({ effect }) => effect),
  );
  assert.ok(Math.abs(reported.norm - norm) < 1e-12);
  const [helpful = assert.fail(), ...others] = report;
  assert.equal(certificateOfReport([{ ...helpful, cosines: {} }, ...others]), undefined);
  assert.equal(certificateOfReport([{ ...helpful, weight: null }, ...others]), undefined);
  assert.equal(certificateOfReport([]), undefined);
  // Three vectors cannot all be opposed.
  const opposed = ['a', 'b', 'c'].map((name, i, all) => ({
    name,
    weight: 1,
    gradientNorm: 1,
    cosines: Object.fromEntries(all.slice(i + 1).map((other) => [other, -0.9])),
  }));
  assert.equal(certificateOfReport(opposed), undefined, 'no gradients have these cosines');
});

test('of many objectives those that gain least are listed', () => {
  const names = Array.from({ length: 16 }, (_, i) => `o${i}`);
  const values = Float64Array.from({ length: 256 }, (_, n) => (n % 17 === 0 ? 1 : 0));
  const weights = names.map((_, i) => (i === 9 ? -0.5 : (i + 1) / 16));
  assert.match(
    certificateText(updateCertificate({ names, values }, weights)),
    /^o0 \+0\.03, o1 \+0\.05, o2 \+0\.08, o3 \+0\.10, o4 \+0\.13, o9 -0\.21, 10 others gain more, o9 hurt though a direction improves all/,
  );
});

test('weights that do not fit are refused', () => {
  assert.throws(() => updateCertificate(gramOf([1, 0]), [1, 2]), /2 weights for 1 objectives \(helpful\)/);
  assert.throws(() => updateCertificate(gramOf([1, 0]), [NaN]), /weight/);
});
