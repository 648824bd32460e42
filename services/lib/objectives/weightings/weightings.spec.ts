// Each weighting against NumPy, from its definition.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at } from '@gapo/numeric';
import { assertClose } from '../gram/sampleGradients.fixture.js';
import { gramFromMatrix, groupNormalizedAdvantages, scalarAdvantages, weighted, weightingOf } from '../mod.js';

const names = ['a', 'b'];
const groups = [0, 0, 1, 1, 1, 0];
const rewards = [
  [1, 3, 0, 4, 2, 2],
  [0, -1, 10, 20, 5, -5],
];
const columns = rewards.map((of) => groupNormalizedAdvantages({ objective: 'x', rewards: of, groups }));
const signal = scalarAdvantages({ columns, weights: [0.3, 0.7], whiten: false }).scalar;
const step = { rewards, groups, signal };

function factorsBy(
  method: string,
  settings: Record<string, unknown>,
  of: readonly number[][] = rewards,
): readonly number[] {
  const found = weightingOf(method).fromRewards?.(settings, {}, names, { ...step, rewards: of });
  return found?.factors ?? assert.fail(`${method} reads no rewards`);
}

const close = (actual: readonly number[], expected: readonly number[]): void =>
  expected.forEach((value, i) => assertClose(at(actual, i), value, 1e-9));

test('SAW follows the coefficient of variation, whatever the scale of a reward', () => {
  close(factorsBy('saw', {}), [0.547606148459, 1.452393851541]);
  close(factorsBy('saw', { offsets: { a: 0, b: 5 } }), [0.868186238236, 1.131813761764]);
  const louder = [rewards[0]?.map((x) => 64 * x) ?? [], rewards[1] ?? []];
  factorsBy('saw', {}, louder).forEach((factor, i) => assertClose(factor, at(factorsBy('saw', {}), i), 1e-7));
  assert.deepEqual(
    factorsBy('saw', {}, [
      [2, 2, 2, 2, 2, 2],
      [3, 3, 3, 3, 3, 3],
    ]),
    [1, 1],
  );
});

test('SA-MRPO falls with the saturation of the mean reward', () => {
  const settings = { ranges: { a: [0, 4], b: [-5, 25] }, power: 0.5 };
  close(factorsBy('sa-mrpo', settings), [0.707106781187, 0.81989159175]);
  close(factorsBy('sa-mrpo', { ...settings, ranges: { a: [0, 1], b: [10, 25] } }), [0, 1]);
});

test('CTWA: the factors of a step are those before it, and grow by what the correlation lacks', () => {
  const ctwa = weightingOf('ctwa');
  const settings = { targets: { a: 0.9, b: 0.9 }, rate: 0.5, decay: 0.9 };
  const first = ctwa.fromRewards?.(settings, ctwa.initialMemory?.(settings, names) ?? {}, names, step);
  assert.deepEqual(first?.factors, [1, 1]);
  close(first?.memory['logFactors'] ?? [], [0.185727052987, 0]);
  const swapped = { ...step, rewards: [rewards[1] ?? [], rewards[0] ?? []] };
  const second = ctwa.fromRewards?.(settings, first?.memory ?? {}, names, swapped);
  close(second?.factors ?? [], [Math.exp(0.185727052987), 1]);
  close(second?.memory['logFactors'] ?? [], [0.35091496116, 0.000874749658]);
  // At its cap an objective gains no weight.
  const capped = ctwa.fromRewards?.({ ...settings, caps: { a: 2 } }, first?.memory ?? {}, names, step);
  close(capped?.memory['logFactors'] ?? [], [0.185727052987, 0]);
});

test('dynamic weighting: the softmax of log w + rate · G·1, step after step', () => {
  const dynamic = weightingOf('dynamic');
  const gram = gramFromMatrix([2, -0.5, 0.3, -0.5, 1, 0.2, 0.3, 0.2, 3], ['a', 'b', 'c']);
  const weights = Float64Array.of(0.2, 0.3, 0.5);
  let memory = dynamic.initialMemory?.({ rate: 0.4 }, gram.names) ?? {};
  for (const expected of [
    [0.144911806744, 0.139992722082, 0.715095471174],
    [0.088007580028, 0.054756060441, 0.857236359531],
  ]) {
    const found = dynamic.fromGradients?.({ rate: 0.4 }, memory, gram, weights) ?? assert.fail();
    ({ memory } = found);
    close([...weighted(weights, found.factors)], expected);
  }
});

test('factors that leave nothing leave the weights as they were', () => {
  const weights = Float64Array.of(0.5, 0);
  assert.equal(weighted(weights, [0, 3]), weights);
  assert.equal(weighted(weights, undefined), weights);
  assert.deepEqual([...weighted(weights, [2, 3])], [1, 0]);
});
