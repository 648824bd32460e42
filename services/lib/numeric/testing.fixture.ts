/** `@gapo/numeric/testing`, for the tests of every package that computes. */
import assert from 'node:assert/strict';

/** Asserts |actual - expected| ≤ tolerance. */
export const assertClose = (actual: number, expected: number, tolerance: number, what = ''): void =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what} ${actual} is not ${expected} to ${tolerance}`);
