import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at } from '@gapo/numeric';
import { flatten, split } from './tensors.js';

const tensors = [
  { name: 'a', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
  { name: 'b', shape: [], data: Float32Array.of(7) },
];

test('tensors are flattened into one vector and split again', () => {
  const flat = flatten(tensors);
  assert.deepEqual(split(flat, tensors), tensors);
  at(split(flat, tensors), 0).data[0] = 9;
  assert.equal(flat[0], 9, 'the parts are views');
});
