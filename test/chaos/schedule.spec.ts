// The schedule of make chaos: a function of the seed, including every named point, spread over the
// steps.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultKinds, scheduleOf } from './schedule.js';

const targets = {
  services: ['nats', 'reward-a', 'rollout-1', 'gradient-1', 'coordinator'],
  links: ['nats', 'reward-a', 'rollout-1', 'gradient-1', 'coordinator'],
  points: ['file.write', 'file.sync', 'rpc.call'],
  disk: true,
} as const;

test('a seed determines the schedule, and another seed gives another', () => {
  assert.deepEqual(scheduleOf(5, 100, 40, targets), scheduleOf(5, 100, 40, targets));
  assert.notDeepEqual(scheduleOf(5, 100, 40, targets), scheduleOf(6, 100, 40, targets));
});

test('100 faults have every kind, every service, every link, and every named point once, over all steps in order', () => {
  const faults = scheduleOf(1, 100, 40, targets);
  assert.deepEqual(new Set(faults.map(({ kind }) => kind)), new Set(Object.keys(faultKinds)));
  for (const name of targets.services) assert.ok(faults.some(({ kind, target }) => kind === 'kill' && target === name));
  for (const name of targets.links) assert.ok(faults.some(({ kind, target }) => kind === 'cut' && target === name));
  const points = faults.flatMap(({ point }) => point ?? []);
  assert.deepEqual(points.sort(), targets.points.toSorted());
  const steps = faults.map(({ step }) => step);
  assert.deepEqual(
    steps,
    steps.toSorted((a, b) => a - b),
  );
  assert.deepEqual(new Set(steps), new Set(Array.from({ length: 38 }, (_, i) => i + 2)));
});

test('a disk that cannot be filled is not, and few faults leave points out', () => {
  const faults = scheduleOf(1, 6, 10, { ...targets, disk: false });
  assert.equal(faults.length, 6);
  assert.equal(faults.filter(({ kind }) => kind === 'point').length, 2);
  const many = scheduleOf(2, 300, 40, { ...targets, disk: false });
  assert.ok(many.every(({ kind }) => kind !== 'full'));
});
