import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import * as op from './decoderOperators.js';
import { gradients } from './gradient.js';
import { Graph, type Value } from './graph.js';
import { type Case, type Shapes, check, filled, shapes } from './operators.fixture.js';
import { linear, reshape } from './operators.js';
import { Session, type TensorArray } from './session.js';

const cases: Record<string, (s: Shapes) => Case> = {
  layerNorm: ({ b, t, c, seed }) => ({
    // A row of two elements has x̂ = ±1 always; rows of three or more have slopes to compare.
    parameters: { x: filled([b, t, c + 1], seed, -2, 3), gain: filled([c + 1], seed + 1), bias: filled([c + 1], 2) },
    output: ({ x, gain, bias }) => op.layerNorm(x as Value, gain as Value, bias as Value, 1e-5),
  }),
  geluTanh: ({ b, c, seed }) => ({
    parameters: { x: filled([b, c], seed, -4, 4) },
    output: ({ x }) => op.geluTanh(x as Value),
  }),
  gelu: ({ b, c, seed }) => ({
    parameters: { x: filled([b, c], seed, -5, 5) },
    output: ({ x }) => op.gelu(x as Value),
  }),
  relu: ({ b, c, seed }) => ({
    // Away from the kink at 0, where a difference has half the slope.
    parameters: { x: { dims: [b, c], data: filled([b, c], seed).data.map((x, i) => (i % 2 === 0 ? 1.5 : -1.5) + x) } },
    output: ({ x }) => op.relu(x as Value),
  }),
  softCap: ({ b, c, seed }) => ({
    parameters: { x: filled([b, c], seed, -4, 4) },
    output: ({ x }) => op.softCap(x as Value, 1.5),
  }),
  linearInOut: ({ b, t, c, d, seed }) => ({
    parameters: { x: filled([b, t, c], seed), w: filled([c, d], seed + 1) },
    output: ({ x, w }) => op.linearInOut(x as Value, w as Value),
  }),
  splitLast: ({ b, t, c, d, seed }) => ({
    parameters: { x: filled([b, t, c + d + 1], seed), w: filled([c, c], seed) },
    output: ({ x, w }) => {
      const [first, , last] = op.splitLast(x as Value, [c, 1, d]) as [Value, Value, Value]; // the middle part has no gradient
      const mixed = linear(first, w as Value);
      return reshape(linear(reshape(mixed, [b * t, c], [b * t, c]), tail(last, b * t, d, c)), [-1], [b * t * b * t]);
    },
  }),
};

/** Multiplies [rows, d] by a fixed matrix to [rows, c]. */
function tail(x: Value, rows: number, d: number, c: number): Value {
  return linear(reshape(x, [rows, d], [rows, d]), x.graph.constant([...filled([c, d], 5).data], [c, d]));
}

describe('every rule agrees with central differences in float64', () => {
  for (const [name, make] of Object.entries(cases)) {
    test(name, () =>
      fc.assert(
        fc.asyncProperty(shapes, (s) => check(make(s))),
        { numRuns: 6, seed: 20 },
      ),
    );
  }

  test('every exported operator is in the list above', () => {
    assert.deepEqual(Object.keys(op).sort(), Object.keys(cases).sort());
  });
});

test('GELU in float32 is that in float64, far from 0 too', async () => {
  const x = [-30, -9, -5.5, -2, -0.1, 0, 0.3, 1.7, 6, 9, 30];
  const results = [];
  for (const [float, data] of [
    ['float32', Float32Array.from(x)],
    ['float64', Float64Array.from(x)],
  ] as const) {
    const g = new Graph('gelu', float);
    g.output('y', op.gelu(g.floatInput('x', [x.length])));
    const session = await Session.open(g.toModel(), { threads: 1 });
    const { y } = await session.run({ x: { data, dims: [x.length] } });
    results.push([...((y as TensorArray).data as Float32Array)]);
    await session.close();
  }
  const [single, double] = results as [number[], number[]];
  double.forEach((value, i) =>
    assert.ok(Math.abs(value - (single[i] as number)) < 1e-6 * Math.max(1, Math.abs(value))),
  );
  assert.ok(Math.abs((double[7] as number) - 1.6242387133) < 1e-9); // 1.7 · Φ(1.7)
});

test('row weights: the K gradients of parameters are those of K separate passes', async () => {
  const [b, t, c, k] = [3, 2, 4, 2];
  const parameters = { gain: filled([c], 2), bias: filled([c], 3), w: filled([c, 5], 4) };
  const feeds: Record<string, TensorArray> = { x: filled([b, t, c], 1), a: filled([b, k], 7), ...parameters };
  const run = async (weighted: boolean, objective: number): Promise<Record<string, TensorArray>> => {
    const g = new Graph('rows', 'float64');
    const values = Object.entries(parameters).map(([name, { dims }]) => g.floatInput(name, dims));
    const [gain, bias, w] = values as [Value, Value, Value];
    const a = g.floatInput('a', ['B', k]);
    const y = op.linearInOut(op.geluTanh(op.layerNorm(g.floatInput('x', ['B', t, c]), gain, bias, 1e-5)), w); // [B, t, 5]
    const ones = g.emit('Expand', [g.constant(1), g.integers([b, t, 5])], { dtype: 'float64', dims: ['B', t, 5] });
    const column = g.emit(
      'Gather',
      [a, g.integers([objective])],
      { dtype: 'float64', dims: ['B', 1] },
      {
        axis: { kind: 'int', value: 1 },
      },
    );
    const perRow = reshape(column, [-1, 1, 1], ['B', 1, 1]);
    const upstream = weighted ? ones : g.emit('Mul', [ones, perRow], { dtype: 'float64', dims: ['B', t, 5] });
    const found = gradients([[y, upstream]], values, weighted ? { B: a } : undefined);
    values.forEach((value) => g.output(`d.${value.name}`, found.get(value) as Value));
    g.output('kept', a);
    const session = await Session.open(g.toModel(), { threads: 1 });
    const outputs = await session.run(feeds);
    await session.close();
    return outputs;
  };
  const shared = await run(true, 0);
  for (let objective = 0; objective < k; objective++) {
    const alone = await run(false, objective);
    for (const name of Object.keys(parameters)) {
      const expected = alone[`d.${name}`]?.data as Float64Array;
      const stacked = shared[`d.${name}`]?.data as Float64Array;
      expected.forEach((value, i) => {
        const mine = stacked[objective * expected.length + i] as number;
        assert.ok(Math.abs(value - mine) <= 1e-12 * Math.max(1, Math.abs(value)), `${name}[${i}]: ${mine}, ${value}`);
      });
    }
  }
});
