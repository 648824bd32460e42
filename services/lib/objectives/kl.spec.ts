import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, f64, NonFiniteError } from '@gapo/numeric';
import fc from 'fast-check';
import { assertClose } from './gram/sampleGradients.fixture.js';
import { checkKlController, tokenKl, updateKlController, type KlController, type KlEstimator } from './mod.js';

const logprob = fc.double({ min: -30, max: 0, noNaN: true });

test('k1, k2 and k3 are x, x²/2 and e^(-x) - 1 + x', () => {
  fc.assert(
    fc.property(logprob, logprob, (ours, theirs) => {
      const x = ours - theirs;
      const estimate = (kind: KlEstimator): number => f64(tokenKl(kind, [ours], [theirs]), 0);
      const [k1, k2, k3] = [estimate('k1'), estimate('k2'), estimate('k3')];
      assert.equal(k1, x);
      assert.equal(k2, (x * x) / 2);
      assertClose(k3, Math.exp(-x) - 1 + x, 1e-9 * (1 + Math.exp(-x)));
      assert.ok(k3 >= 0);
    }),
  );
});

test('the expectations of k1 and k3 under the policy are the divergence; k2 agrees to third order', () => {
  const policy = [0.5, 0.3, 0.2];
  const reference = [0.45, 0.33, 0.22];
  const logs = (p: readonly number[]): number[] => p.map(Math.log);
  const exact = policy.reduce((sum, p, i) => sum + p * Math.log(p / at(reference, i)), 0);
  for (const [kind, tolerance] of [
    ['k1', 1e-15],
    ['k3', 1e-15],
    ['k2', 1e-4],
  ] as const) {
    const estimates = tokenKl(kind, logs(policy), logs(reference));
    assertClose(
      policy.reduce((sum, p, i) => sum + p * f64(estimates, i), 0),
      exact,
      tolerance,
      kind,
    );
  }
});

test('k3 keeps its digits where the policies nearly agree', () => {
  assertClose(f64(tokenKl('k3', [-1 + 1e-6], [-1]), 0) / 5e-13, 1, 1e-3);
});

test('log-probabilities that are not finite are refused, never counted as 0', () => {
  assert.throws(
    () => tokenKl('k1', [-1, -Infinity], [-1, -1]),
    (error) => error instanceof NonFiniteError && error.index === 1,
  );
  assert.throws(() => tokenKl('k2', [NaN], [-1]), NonFiniteError);
  assert.throws(() => tokenKl('k3', [-1000], [-1]), NonFiniteError);
  assert.throws(() => tokenKl('k1', [-1], []), /1 log-probabilities of the policy, 0 of the reference/);
  assert.throws(() => tokenKl('toString' as 'k1', [], []), /expected k1, k2 or k3/);
});

test('a fixed controller stays, an adaptive one moves by at most 20 % of a horizon', () => {
  const fixed: KlController = { kind: 'fixed', coefficient: 0.02 };
  assert.deepEqual(updateKlController(fixed, 100, 8), fixed);
  const adaptive: KlController = { kind: 'adaptive', coefficient: 0.1, target: 6, horizon: 100 };
  const after = (kl: number): number => updateKlController(adaptive, kl, 10).coefficient;
  assertClose(after(600), 0.1 * 1.02, 1e-15);
  assertClose(after(-3), 0.1 * 0.98, 1e-15);
  assertClose(after(6), 0.1, 1e-17);
  assertClose(after(6.6), 0.1 * 1.01, 1e-15);
  assert.equal(adaptive.coefficient, 0.1);
});

test('a controller survives JSON, and continues as if nothing had happened', () => {
  const adaptive: KlController = { kind: 'adaptive', coefficient: 0.1, target: 6, horizon: 1000 };
  let [live, restored]: [KlController, KlController] = [adaptive, adaptive];
  for (const kl of [1.3, 7.7, 6.1, 20]) {
    live = updateKlController(live, kl, 16);
    restored = JSON.parse(JSON.stringify(updateKlController(restored, kl, 16))) as KlController;
  }
  assert.deepEqual(restored, live);
});

test('controllers and updates that make no sense are refused by field', () => {
  const adaptive = { kind: 'adaptive', coefficient: 0.1, target: 6, horizon: 100 } as const;
  assert.throws(() => checkKlController({ kind: 'fixed', coefficient: -1 }), /coefficient is -1/);
  assert.throws(() => checkKlController({ ...adaptive, target: 0 }), /target is 0, expected a finite number above 0/);
  assert.throws(() => checkKlController({ ...adaptive, horizon: NaN }), /horizon is NaN/);
  assert.doesNotThrow(() => checkKlController({ kind: 'fixed', coefficient: 0 }));
  assert.throws(() => updateKlController(adaptive, NaN, 10), /divergence is NaN/);
  assert.throws(() => updateKlController(adaptive, 1, 0), /0 completions/);
  assert.throws(() => updateKlController(adaptive, 0, 1000), /horizon 100 is too short/);
});
