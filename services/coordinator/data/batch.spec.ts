import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitEvenly } from './batch.js';

test('ranges differ in size by at most one and cover everything', () => {
  assert.deepEqual(splitEvenly(10, 4), [
    [0, 2],
    [2, 5],
    [5, 7],
    [7, 10],
  ]);
  assert.deepEqual(splitEvenly(2, 2), [
    [0, 1],
    [1, 2],
  ]);
});
