/** What the page puts together from a run's events. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missingText, nothingYet, take } from '#page/progress.js';

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
