// The states of a run: exactly these transitions are allowed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isActive, RunState, stateWord } from '@gapo/rpc';
import { hasEnded, targetOf, type Transition } from './lifecycle.js';

const transitions: Transition[] = ['begin', 'pause', 'hold', 'resume', 'succeed', 'fail', 'cancel'];

test('the transitions between states', () => {
  const allowed = Object.values(RunState).flatMap((from) =>
    transitions.flatMap((transition) => {
      const to = targetOf(transition, from);
      return to === undefined ? [] : [`${stateWord(from)} -${transition}-> ${stateWord(to)}`];
    }),
  );
  assert.deepEqual(allowed, [
    'starting -begin-> running',
    'starting -pause-> paused',
    'starting -fail-> failed',
    'starting -cancel-> cancelled',
    'running -pause-> paused',
    'running -succeed-> succeeded',
    'running -fail-> failed',
    'running -cancel-> cancelled',
    'paused -hold-> paused',
    'paused -resume-> starting',
    'paused -cancel-> cancelled',
    'failed -resume-> starting',
    'failed -cancel-> cancelled',
  ]);
});

test('a state is active, ended or paused', () => {
  assert.deepEqual(Object.values(RunState).filter(isActive), ['RUN_STATE_STARTING', 'RUN_STATE_RUNNING']);
  assert.deepEqual(Object.values(RunState).filter(hasEnded), [
    'RUN_STATE_SUCCEEDED',
    'RUN_STATE_FAILED',
    'RUN_STATE_CANCELLED',
  ]);
});
