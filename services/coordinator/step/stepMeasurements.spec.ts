import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StepReport } from '@gapo/rpc';
import { measurementsOf } from './stepMeasurements.js';
import { cosinesOf } from './stepReport.js';

const objective = {
  rewardMean: 1.5,
  rewardStd: 0.5,
  weight: 0.625,
  alpha: 0.25,
  gradientNorm: 2,
  progress: -0.125,
  latencyMs: 250,
  failed: 3,
};

const report: StepReport = {
  step: 7,
  objectives: [
    { ...objective, name: 'a', outliers: 1, cosines: { b: -0.5 } },
    { ...objective, name: 'b', cosines: {}, multiplier: 0.75 },
  ],
  entropy: 1.25,
  clipFraction: 0.0625,
  maxLogprobGap: 1e-6,
  stationarity: 0.5,
  updateNorm: 3,
  learningRate: 1e-3,
  tokens: 400,
  completionLength: 20,
  finishedFraction: 0.875,
  seconds: 8,
  phases: { sampling: 4, rewards: 1, gradients: 2, combination: 0.5, checkpoint: 0 },
  etaSeconds: 80,
  traceId: '',
  weightsAge: 2,
};

test('how far the sampler is from the policy is a metric where a step measured it', () => {
  const measured = measurementsOf('r', { ...report, staleness: 2, effectiveSampleSize: 0.75 });
  const valueOf = (wanted: string): unknown => measured.find(({ metric }) => metric === wanted)?.value;
  assert.deepEqual([valueOf('staleness'), valueOf('effectiveSampleSize')], [2, 0.75]);
});

test('a report becomes the metrics of its run, and what it does not say is absent', () => {
  const measured = measurementsOf('r', report).map(({ metric, value, attributes }) => {
    const { runId, ...others } = attributes as Record<string, unknown>;
    assert.equal(runId, 'r');
    return [[metric, ...Object.values(others)].join(' '), value];
  });
  assert.deepEqual(Object.fromEntries(measured), {
    runStep: 7,
    stepSeconds: 8,
    'phaseSeconds sampling': 4,
    'phaseSeconds rewards': 1,
    'phaseSeconds gradients': 2,
    'phaseSeconds combination': 0.5,
    'phaseSeconds checkpoint': 0,
    tokenRate: 50,
    completionLength: 20,
    finishedFraction: 0.875,
    stationarity: 0.5,
    entropy: 1.25,
    clipFraction: 0.0625,
    logprobGap: 1e-6,
    updateNorm: 3,
    learningRate: 1e-3,
    weightsAge: 2,
    ...Object.fromEntries(
      ['a', 'b'].flatMap((name) => [
        [`rewardMean ${name}`, 1.5],
        [`rewardDeviation ${name}`, 0.5],
        [`rewardFailed ${name}`, 3],
        [`rewardLatency ${name}`, 0.25],
        [`weight ${name}`, 0.625],
        [`alpha ${name}`, 0.25],
        [`gradientNorm ${name}`, 2],
        [`progress ${name}`, -0.125],
      ]),
    ),
    'rewardOutliers a': 1,
    'multiplier b': 0.75,
    'cosine a b': -0.5,
  });
});

test('cosines of pairs are distinguished by their objectives, and a zero gradient has none', () => {
  assert.deepEqual(cosinesOf(['a', 'b', 'c'], [0.5, null, -0.25]), [{ b: 0.5 }, { c: -0.25 }, {}]);
  assert.deepEqual(cosinesOf(['a', 'b'], []), [{}, {}]);
  assert.deepEqual(cosinesOf(['a'], []), [{}]);
});
