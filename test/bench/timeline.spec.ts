/** Shares of a step's time: every moment counts once, and a call in which a service computes is not transfer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Span } from '../traces.fixture.js';
import { sharesOf, timeOf } from './timeline.js';

/** Larger than a double holds exactly, as real times are. */
const base = 1_800_000_000_000_000_000n;

function span(service: string, name: string, start: number, end: number, traceId = 't'): Span {
  return {
    service: `gapo-${service}`,
    name,
    traceId,
    spanId: `${name}${start}`,
    startTimeUnixNano: String(base + BigInt(start)),
    endTimeUnixNano: String(base + BigInt(end)),
    attributes: new Map(),
  };
}

const generate = 'grpc.gapo.rollout.v1.RolloutService/Generate';
const compute = 'grpc.gapo.gradient.v1.GradientService/ComputeGradients';
const step = span('coordinator', 'rl.loop', 0, 1000);
const spans = [
  step,
  span('coordinator', 'rl.sample', 0, 400),
  // Two shards in parallel: while one computes, the other's call is not transfer.
  span('coordinator', generate, 10, 300),
  span('rollout', generate, 12, 298),
  span('rollout', 'gapo.rollout.generate', 20, 290),
  span('coordinator', generate, 10, 400),
  span('rollout', 'gapo.rollout.generate', 200, 380),
  span('coordinator', 'grpc.gapo.reward.v1.RewardService/Score', 400, 500),
  span('reward', 'gapo.reward.score', 410, 490),
  span('coordinator', compute, 500, 900),
  span('gradient', 'gapo.gradient.compute', 500, 800),
  span('coordinator', 'gapo.step.combination', 900, 950),
  span('coordinator', 'gapo.event.publish', 950, 990),
];

test('every moment of a step counts once', () => {
  const time = timeOf(step, spans);
  assert.deepEqual(time, { sampling: 360, rewards: 80, gradients: 300, combination: 50, transfer: 150, other: 60 });
});

test('shares leave out the first steps', () => {
  const later = [
    span('coordinator', 'rl.loop', 2000, 2100, 'u'),
    span('gradient', 'gapo.gradient.logprobs', 2000, 2100, 'u'),
  ];
  assert.deepEqual(sharesOf([...later, ...spans], 1), {
    sampling: 0,
    rewards: 0,
    gradients: 1,
    combination: 0,
    transfer: 0,
    other: 0,
  });
  assert.equal(sharesOf([...spans, ...later], 0).gradients, 400 / 1100);
  assert.throws(() => sharesOf(spans, 1), /no steps beyond the first 1/);
});
