/** Shared by the specs of operators: values, shapes, and the comparison with central differences. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { gradcheck } from './gradcheck.fixture.js';
import type { Graph, Value } from './graph.js';
import * as op from './operators.js';
import type { TensorArray } from './session.js';

const tolerance = 1e-6;

/** Deterministic pseudo-random values in [low, high). */
export function filled(dims: readonly number[], seed: number, low = -1, high = 1): TensorArray<Float64Array> {
  const size = dims.reduce((product, dim) => product * dim, 1);
  const data = Float64Array.from({ length: size }, (_, index) => {
    const wave = Math.sin((index + 1) * 12.9898 + seed * 78.233) * 43758.5453;
    return low + (high - low) * (wave - Math.floor(wave));
  });
  return { data, dims };
}

/** The sum of all elements, each with a different weight, so that no error cancels: [1, 1]. */
function weightedTotal(y: Value): Value {
  const weights = filled(y.dims as readonly number[], 99).data;
  const size = weights.length;
  return op.linear(op.reshape(y, [1, size], [1, size]), y.graph.constant([...weights], [1, size]));
}

/** A function of named parameters and inputs. */
export interface Case {
  readonly parameters: Readonly<Record<string, TensorArray<Float64Array>>>;
  readonly output: (p: Readonly<Record<string, Value>>, g: Graph) => Value;
  readonly feeds?: Readonly<Record<string, TensorArray>>;
}

/** Compares every parameter's gradient with central differences. */
export async function check({ parameters, output, feeds = {} }: Case): Promise<void> {
  const results = await gradcheck({ parameters, feeds, build: (g, p) => weightedTotal(output(p, g)) });
  for (const { name, relativeError } of results) {
    assert.ok(relativeError < tolerance, `gradient of ${name}: relative error ${relativeError}`);
  }
}

const extent = fc.integer({ min: 1, max: 5 });
/** Small extents; c is even. */
export const shapes = fc.record({
  b: extent,
  t: extent,
  c: extent.map((n) => 2 * n),
  d: extent,
  seed: fc.integer({ min: 0, max: 999 }),
});
export type Shapes = typeof shapes extends fc.Arbitrary<infer S> ? S : never;
