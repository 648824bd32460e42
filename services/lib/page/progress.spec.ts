/** What the page puts together from a run's events. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missingText, nothingYet, take } from '#page/progress.js';

test('the step in progress is shown, not one that is sampled ahead', () => {
  const following = nothingYet();
  const shard = { shard: 0, version: 0, sequences: 1, tokens: 1, seconds: 1, worker: '', slowness: 0 };
  const step = { step: 1 } as NonNullable<Parameters<typeof take>[1]['step']>;
  take(following, { rollout: { ...shard, step: 1 } }, undefined);
  take(following, { rollout: { ...shard, step: 2 } }, undefined);
  take(following, { gradient: { ...shard, step: 1 } }, undefined);
  assert.equal(following.doing, 'step 1: 1 shards sampled, 1 gradient shards');
  take(following, { step }, undefined);
  take(following, { rollout: { ...shard, shard: 1, step: 2 } }, undefined);
  assert.equal(following.doing, 'step 2: 2 shards sampled');
});

test('a stream that lacks events says how many', () => {
  const following = nothingYet();
  const state = { from: 'RUN_STATE_STARTING', to: 'RUN_STATE_RUNNING', reason: '' };
  // It begins after the steps that the page has. The third comes from the coordinator, without a number.
  for (const sequence of [41, 42, undefined]) take(following, { state }, sequence);
  assert.equal(missingText(following), '');
  // A reader that reconnects gets some events again.
  for (const sequence of [46, 45, 46, 47]) take(following, { state }, sequence);
  assert.match(missingText(following), /lacks 3 of the run's events/);
});
