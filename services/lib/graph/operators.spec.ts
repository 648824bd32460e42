import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { gradients } from './gradient.js';
import { Graph, type Value } from './graph.js';
import { type Case, type Shapes, check, filled, shapes } from './operators.fixture.js';
import * as op from './operators.js';
import { Session, type TensorArray, int64 } from './session.js';

/** Which of `rows` rows each reader reads: every row has one, the first have more. */
const readers = (rows: number, count: number): number[] => Array.from({ length: count }, (_, i) => i % rows);

/** The only one of a checkpoint's outputs. */
const only = ([y]: readonly Value[]): Value => y as Value;

/** Every operator with a gradient rule, for shapes that fast-check draws. */
const cases: Record<string, (s: Shapes) => Case> = {
  add: ({ b, t, c, seed }) => ({
    parameters: { x: filled([b, t, c], seed), y: filled([t, 1], seed + 1) },
    output: ({ x, y }) => op.add(x as Value, y as Value),
  }),
  mul: ({ b, t, c, seed }) => ({
    parameters: { x: filled([b, t, c], seed), y: filled([b, 1, c], seed + 1) },
    output: ({ x, y }) => op.mul(x as Value, y as Value),
  }),
  scale: ({ b, c, seed }) => ({
    parameters: { x: filled([b, c], seed) },
    output: ({ x }) => op.scale(x as Value, -0.7),
  }),
  silu: ({ b, c, seed }) => ({
    parameters: { x: filled([b, c], seed, -4, 4) },
    output: ({ x }) => op.silu(x as Value),
  }),
  reshape: ({ b, t, c, seed }) => ({
    parameters: { x: filled([b, t, c], seed) },
    output: ({ x }) => op.reshape(x as Value, [0, -1], [b, t * c]),
  }),
  transpose: ({ b, t, c, d, seed }) => ({
    parameters: { x: filled([b, t, c, d], seed) },
    output: ({ x }) => op.transpose(x as Value, [0, 2, 3, 1]),
  }),
  matmul: ({ b, t, c, d, seed }) => ({
    parameters: { x: filled([b, t, c], seed), y: filled([b, c, d], seed + 1) },
    output: ({ x, y }) => op.matmul(x as Value, y as Value),
  }),
  linear: ({ b, t, c, d, seed }) => ({
    parameters: { x: filled([b, t, c], seed), w: filled([d, c], seed + 1) },
    output: ({ x, w }) => op.linear(x as Value, w as Value, 2),
  }),
  embedding: ({ b, t, c, seed }) => ({
    parameters: { table: filled([4, c], seed) },
    feeds: { ids: { data: int64(Array.from({ length: b * t }, (_, i) => (i * 7 + seed) % 4)), dims: [b, t] } },
    output: ({ table }, g) => {
      // The sum over the table reads every row, so that no gradient vanishes entirely.
      const read = op.embedding(table as Value, g.input('ids', 'int64', [b, t]));
      return op.add(read, op.matmul(g.constant([1, 1, 1, 1], [1, 4]), table as Value));
    },
  }),
  gatherRows: ({ b, t, c, seed }) => ({
    parameters: { x: filled([b, t, c], seed) },
    feeds: { rows: { data: int64(b * t > 1 ? [b * t - 1, 0] : [0]), dims: [b * t > 1 ? 2 : 1] } },
    output: ({ x }, g) => op.gatherRows(x as Value, g.input('rows', 'int64', [b * t > 1 ? 2 : 1])),
  }),
  layOut: ({ b, t, c, seed }) => {
    // Every second cell holds a row; nothing depends on the others, which repeat row 0.
    const places = Array.from({ length: Math.ceil((b * t) / 2) }, (_, n) => 2 * n);
    const cells = Array.from({ length: b * t }, (_, place) => (place % 2 === 0 ? place / 2 : 0));
    return {
      parameters: { x: filled([places.length, c], seed) },
      feeds: {
        cells: { data: int64(cells), dims: [b, t] },
        places: { data: int64(places), dims: [places.length] },
      },
      output: ({ x }, g) => {
        const inputs = [g.input('cells', 'int64', [b, t]), g.input('places', 'int64', [places.length])] as const;
        return op.gatherRows(op.layOut(x as Value, ...inputs), inputs[1]);
      },
    };
  },
  rmsNorm: ({ b, t, c, seed }) => ({
    parameters: { x: filled([b, t, c], seed, 0.2, 2), gain: filled([c], seed + 1) },
    output: ({ x, gain }) => op.rmsNorm(x as Value, gain as Value, 1e-5),
  }),
  'rmsNorm with a gain of 1 + weight': ({ b, t, c, seed }) => ({
    parameters: { x: filled([b, t, c], seed, 0.2, 2), weight: filled([c], seed + 1) },
    output: ({ x, weight }) => op.rmsNorm(x as Value, weight as Value, 1e-5, 1),
  }),
  adaptedLinear: ({ b, t, c, d, seed }) => ({
    parameters: { x: filled([b, t, c], seed), a: filled([2, c], seed + 1), b: filled([d, 2], seed + 2) },
    output: ({ x, a, b }, g) => {
      const w = g.constant([...filled([d, c], seed + 3).data], [d, c]);
      const adapter = { a: a as Value, b: b as Value, scale: 0.5 };
      return op.adaptedLinear(x as Value, op.mergedWeight(w, adapter), adapter);
    },
  }),
  'adaptedLinear of a weight stored the other way': ({ b, t, c, d, seed }) => ({
    parameters: { x: filled([b, t, c], seed), a: filled([2, c], seed + 1), b: filled([d, 2], seed + 2) },
    output: ({ x, a, b }, g) => {
      const w = g.constant([...filled([c, d], seed + 3).data], [c, d]);
      const adapter = { a: a as Value, b: b as Value, scale: 0.5 };
      return op.adaptedLinear(x as Value, op.mergedWeight(w, adapter, true), adapter, true);
    },
  }),
  attention: ({ b, t, c, d, seed }) => ({
    parameters: {
      queries: filled([b, t, c], seed),
      keys: filled([b, d + 1, c], seed + 1), // a single key has weight 1, whatever its score
      values: filled([b, d + 1, c], seed + 2),
    },
    output: ({ queries, keys, values }, g) => {
      const mask = g.constant([...filled([t, d + 1], seed + 3).data], [t, d + 1]);
      return op.attention(queries as Value, keys as Value, values as Value, mask, { scale: 0.7 });
    },
  }),
  'attention with a soft cap on the scores': ({ b, t, c, d, seed }) => ({
    parameters: {
      queries: filled([b, t, c], seed),
      keys: filled([b, d + 1, c], seed + 1),
      values: filled([b, d + 1, c], seed + 2),
    },
    output: ({ queries, keys, values }, g) => {
      const mask = g.constant([...filled([t, d + 1], seed + 3).data], [t, d + 1]);
      return op.attention(queries as Value, keys as Value, values as Value, mask, { scale: 1.7, cap: 0.9 });
    },
  }),
  checkpoint: ({ b, t, c, d, seed }) => ({
    parameters: { x: filled([b, t, c], seed), w: filled([d, c], seed + 1), v: filled([d, d], seed + 2) },
    output: ({ x, w, v }) => {
      const inner = (h: Value): Value =>
        only(op.checkpoint([h], ([y]) => [op.add(y as Value, op.silu(op.linear(y as Value, v as Value)))]));
      return only(op.checkpoint([x as Value], ([h]) => [inner(op.silu(op.linear(h as Value, w as Value)))])); // one within another
    },
  }),
  'checkpoint of several values': ({ b, t, c, d, seed }) => ({
    parameters: { x: filled([b, t, c], seed), y: filled([b, t, c], seed + 1), w: filled([d, c], seed + 2) },
    output: ({ x, y, w }) => {
      // Nothing reads the third output.
      const [sum, product] = op.checkpoint([op.silu(x as Value), y as Value], ([p, q]) => {
        const both = op.mul(p as Value, q as Value);
        return [op.linear(op.add(p as Value, q as Value), w as Value), op.linear(op.silu(both), w as Value), both];
      }) as [Value, Value];
      return op.add(sum, op.silu(product));
    },
  }),
  share: ({ b, t, c, seed }) => ({
    parameters: { x: filled([b, t, c], seed) },
    output: ({ x }, g) => op.share(op.silu(x as Value), g.integers(readers(b, b + 2))),
  }),
  concat: ({ b, t, c, d, seed }) => ({
    parameters: { x: filled([b, t, c], seed), y: filled([b, d, c], seed + 1) },
    output: ({ x, y }) => op.concat(op.silu(x as Value), y as Value, 1, t + d),
  }),
  rotary: ({ b, t, c, seed }) => ({
    parameters: { x: filled([b, t, c], seed) },
    output: ({ x }, g) => {
      const angles = Array.from({ length: (t * c) / 2 }, (_, i) => i * 0.37 + seed);
      return op.rotary(x as Value, {
        cos: g.constant(angles.map(Math.cos), [t, c / 2]),
        sin: g.constant(angles.map(Math.sin), [t, c / 2]),
      });
    },
  }),
  'rotary by rows': ({ b, t, c, d, seed }) => ({
    parameters: { x: filled([b, d, t, c], seed) },
    output: ({ x }, g) => {
      const angles = Array.from({ length: (7 * c) / 2 }, (_, i) => i * 0.37 + seed);
      const rows = Array.from({ length: b * t }, (_, i) => (5 * i + seed) % 7);
      return op.rotary(x as Value, {
        cos: g.constant(angles.map(Math.cos), [7, c / 2]),
        sin: g.constant(angles.map(Math.sin), [7, c / 2]),
        rows: g.integers(rows, [b, t]),
      });
    },
  }),
  'rotary of some channels': ({ b, t, c, d, seed }) => ({
    parameters: { x: filled([b, t, c + d], seed) },
    output: ({ x }, g) => {
      const angles = Array.from({ length: (t * c) / 2 }, (_, i) => i * 0.37 + seed);
      return op.rotary(x as Value, {
        cos: g.constant(angles.map(Math.cos), [t, c / 2]),
        sin: g.constant(angles.map(Math.sin), [t, c / 2]),
      });
    },
  }),
  tokenStatistics: ({ b, c, seed }) => ({
    parameters: { logits: filled([b, c], seed, -2, 2) },
    feeds: { targets: { data: int64(Array.from({ length: b }, (_, i) => (i + seed) % c)), dims: [b] } },
    output: ({ logits }, g) => {
      const { logprobs, entropy } = op.tokenStatistics(logits as Value, g.input('targets', 'int64', [b]));
      return op.add(op.scale(logprobs, 0.3), op.mul(entropy, logprobs));
    },
  }),
};

describe('every operator rule agrees with central differences in float64', () => {
  for (const [name, make] of Object.entries(cases)) {
    test(name, () =>
      fc.assert(
        fc.asyncProperty(shapes, (s) => check(make(s))),
        { numRuns: 6, seed: 20 },
      ),
    );
  }

  test('every exported operator is in the list above', () => {
    const checked = Object.keys(cases).map((name) => name.split(' ')[0]);
    assert.deepEqual(
      Object.keys(op).filter((name) => name !== 'detach' && name !== 'mergedWeight' && !checked.includes(name)),
      [],
    );
  });
});

test('row weights: one backward pass gives the K gradients of K separate passes', async () => {
  const [b, t, c, d, k] = [3, 4, 6, 5, 3];
  const build = (): { g: Graph; parameters: Value[]; y: Value; upstream: Value; a: Value } => {
    const g = new Graph('rows', 'float64');
    const ids = g.input('ids', 'int64', ['B', 'T']);
    const parameters = [
      g.floatInput('table', [7, c]),
      g.floatInput('gain', [c]),
      g.floatInput('wide', [d * 4, c]),
      g.floatInput('narrow', [d, d * 4]),
      g.floatInput('bias', [d]),
    ];
    const [table, gain, wide, narrow, bias] = parameters as [Value, Value, Value, Value, Value];
    const hidden = op.silu(op.linear(op.rmsNorm(op.embedding(table, ids), gain, 1e-5), wide));
    const rows = op.gatherRows(hidden, g.input('rows', 'int64', ['N']));
    const y = op.add(op.linear(rows, narrow), bias); // [N, d]
    return { g, parameters, y, upstream: g.floatInput('upstream', ['N', d]), a: g.floatInput('a', ['B', k]) };
  };
  const rows = [1, 2, 5, 6, 7, 10];
  const feeds: Record<string, TensorArray> = {
    ids: { data: int64(Array.from({ length: b * t }, (_, i) => (i * 5) % 7)), dims: [b, t] },
    rows: { data: int64(rows), dims: [rows.length] },
    table: filled([7, c], 1, 0.2, 1),
    gain: filled([c], 2),
    wide: filled([d * 4, c], 3),
    narrow: filled([d, d * 4], 4),
    bias: filled([d], 5),
    upstream: filled([rows.length, d], 6),
    a: filled([b, k], 7),
  };
  const names = ['table', 'gain', 'wide', 'narrow', 'bias'];

  const shared = build();
  const sequenceOfRow = shared.g.integers(rows.map((row) => Math.floor(row / t)));
  const perToken = shared.g.emit('Gather', [shared.a, sequenceOfRow], { dtype: 'float64', dims: ['N', k] });
  const found = gradients([[shared.y, shared.upstream]], shared.parameters, { B: shared.a, N: perToken });
  shared.parameters.forEach((p, i) => shared.g.output(`d.${names[i]}`, found.get(p) as Value));
  const all = await (await Session.open(shared.g.toModel(), { threads: 1 })).run(feeds);

  for (let objective = 0; objective < k; objective++) {
    const separate = build();
    const alone = gradients([[separate.y, separate.upstream]], separate.parameters);
    separate.parameters.forEach((p, i) => separate.g.output(`d.${names[i]}`, alone.get(p) as Value));
    const upstream = filled([rows.length, d], 6);
    const a = (feeds['a'] as TensorArray<Float64Array>).data;
    const weighted = upstream.data.map((x, i) => {
      const sequence = Math.floor((rows[Math.floor(i / d)] as number) / t);
      return x * (a[sequence * k + objective] as number);
    });
    const { a: _, ...rest } = feeds;
    const session = await Session.open(separate.g.toModel(), { threads: 1 });
    const one = await session.run(
      Object.fromEntries(
        session.inputNames.map((name) => [
          name,
          name === 'upstream'
            ? { data: weighted, dims: upstream.dims }
            : name === 'a'
              ? (feeds['a'] as TensorArray)
              : (rest[name] as TensorArray),
        ]),
      ),
    );
    for (const name of names) {
      const expected = one[`d.${name}`]?.data as Float64Array;
      const stacked = all[`d.${name}`]?.data as Float64Array;
      assert.equal(stacked.length, expected.length * k);
      const mine = stacked.subarray(objective * expected.length, (objective + 1) * expected.length);
      const norm = Math.hypot(...expected);
      const gap = Math.hypot(...expected.map((x, i) => x - (mine[i] as number)));
      assert.ok(gap <= 1e-12 * norm, `${name}, objective ${objective}: ${gap} of ${norm}`);
    }
  }
});

test('rows that several sequences share have one gradient for each column of the weights, which enter there', async () => {
  const [q, b, t, c, d, k] = [2, 5, 3, 4, 6, 3];
  const source = [0, 0, 1, 0, 1];
  const values = {
    x: filled([q, t, c], 1),
    gain: filled([c], 2),
    w: filled([d, c], 3),
    v: filled([d, d], 4),
    upstream: filled([b, t, d], 5),
    a: filled([b, k], 6),
  };
  const names = ['gain', 'w', 'v'] as const;
  const run = async (column: number | undefined, recompute: boolean): Promise<Record<string, Float64Array>> => {
    const g = new Graph('shared', 'float64');
    const [gain, w, v] = names.map((name) => g.floatInput(name, values[name].dims)) as [Value, Value, Value];
    const named = (value: Value, dim: string): Value =>
      g.emit('Identity', [value], { dtype: value.dtype, dims: [dim, ...value.dims.slice(1)] });
    const prompt = (x: Value): Value[] => [op.linear(op.rmsNorm(x, gain, 1e-5), w), op.rmsNorm(x, gain, 1e-5)];
    const x = g.constant([...values.x.data], values.x.dims);
    const shared = named(x, 'Q');
    const [inner, normed] = (recompute ? op.checkpoint([shared], ([y]) => prompt(y as Value)) : prompt(shared)) as [
      Value,
      Value,
    ];
    const read = (y: Value): Value => op.share(y, named(g.integers(source), 'B'));
    // Both outputs of the shared rows are read, and the same parameters are used on both sides.
    const y = op.linear(op.add(op.silu(read(inner)), op.linear(read(normed), w)), v); // [B, t, d]
    const a = g.floatInput('a', ['B', k]);
    const upstream = g.floatInput('upstream', ['B', t, d]);
    const own = (): Value =>
      named(
        g.constant(
          [...values.a.data].filter((_, i) => i % k === column),
          [b, 1, 1],
        ),
        'B',
      );
    const found =
      column === undefined
        ? gradients([[y, upstream]], [gain, w, v], { B: a })
        : gradients([[y, op.mul(upstream, own())]], [gain, w, v]);
    names.forEach((name, i) => g.output(`d.${name}`, found.get([gain, w, v][i] as Value) as Value));
    const session = await Session.open(g.toModel(), { threads: 1 });
    const outputs = await session.run(
      Object.fromEntries(session.inputNames.map((name) => [name, values[name as 'a']])),
    );
    await session.close();
    return Object.fromEntries(names.map((name) => [name, outputs[`d.${name}`]?.data as Float64Array]));
  };
  for (const recompute of [false, true]) {
    const all = await run(undefined, recompute);
    for (let column = 0; column < k; column++) {
      const one = await run(column, false);
      for (const name of names) {
        const expected = one[name] as Float64Array;
        const mine = (all[name] as Float64Array).subarray(column * expected.length, (column + 1) * expected.length);
        const gap = Math.hypot(...expected.map((x, i) => x - (mine[i] as number)));
        assert.equal((all[name] as Float64Array).length, k * expected.length);
        assert.ok(gap <= 1e-12 * Math.hypot(...expected), `${name}, column ${column}: ${gap}`);
      }
    }
  }
});

for (const [which, rows, turned] of [
  ['in order', undefined, 8],
  ['by rows', [4, 0, 3, 3, 1, 2, 0, 1, 4, 2], 8],
  ['of some channels, in order', undefined, 4],
  ['of some channels, by rows', [4, 0, 3, 3, 1, 2, 0, 1, 4, 2], 4],
] as const) {
  test(`rotary positions ${which}: the float32 kernel agrees with the float64 composition of operators`, async () => {
    const [b, heads, t, c] = [2, 3, 5, 8];
    const values = filled([b, heads, t, c], 1);
    const angles = Array.from({ length: (t * turned) / 2 }, (_, i) => i * 0.37);
    const table = [t, turned / 2];
    const results: number[][] = [];
    for (const float of ['float32', 'float64'] as const) {
      const g = new Graph('rotary', float);
      const x = g.floatInput('x', [b, heads, t, c]);
      const [cos, sin] = [g.constant(angles.map(Math.cos), table), g.constant(angles.map(Math.sin), table)];
      const y = op.rotary(x, { cos, sin, rows: rows && g.integers(rows, [b, t]) });
      g.output('y', y);
      g.output('dx', gradients([[y, x]], [x]).get(x) as Value);
      const session = await Session.open(g.toModel(), { threads: 1 });
      const data = float === 'float32' ? Float32Array.from(values.data) : values.data;
      const { y: forward, dx } = await session.run({ x: { data, dims: values.dims } });
      results.push([...((forward as TensorArray).data as Float32Array), ...((dx as TensorArray).data as Float32Array)]);
      await session.close();
    }
    const [single, double] = results as [number[], number[]];
    double.forEach((x, i) => assert.ok(Math.abs(x - (single[i] as number)) < 1e-6, `${i}: ${single[i]} for ${x}`));
  });
}

test('an absent device is an error that says what is missing and what to do', async () => {
  const g = new Graph('tiny');
  g.output('y', op.detach(g.floatInput('x', [1])));
  await assert.rejects(Session.open(g.toModel(), { device: 'cuda', threads: 1 }), (error: Error) => {
    assert.match(
      error.message,
      /^device 'cuda' is not available on this machine: .*libonnxruntime_providers_cuda\.so is missing\); set the device to cpu, or /,
    );
    return error.name === 'SessionError';
  });
});
