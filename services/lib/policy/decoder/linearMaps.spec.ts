import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Graph, Session, type Value, gradients } from '@gapo/graph';
import { type LinearModule, adapterName, philoxNormal } from '@gapo/model';
import { mergedElements, projection } from './linearMaps.js';

test('an adapter beside a large weight and one merged into a small weight agree, forward and backward', async () => {
  const [into, out, rank, rows] = [24, 16, 3, 4];
  const lora = { rank, alpha: 6, targets: ['proj'] };
  const tensor = (dims: readonly number[], index: number) => ({
    data: Float64Array.from(
      philoxNormal(
        dims.reduce((a, b) => a * b),
        4,
        index,
        0.5,
      ),
    ),
    dims,
  });
  for (const inOut of [false, true]) {
    const feeds = {
      x: tensor([rows, into], 0),
      'proj.weight': tensor(inOut ? [into, out] : [out, into], 1),
      'proj.bias': tensor([out], 2),
      [adapterName('proj', 'A')]: tensor([rank, into], 3),
      [adapterName('proj', 'B')]: tensor([out, rank], 4),
      dy: tensor([rows, out], 5),
    };
    const run = async (large: boolean): Promise<readonly Float64Array[]> => {
      const graph = new Graph('projection', 'float64');
      const inputs = new Map(Object.entries(feeds).map(([name, { dims }]) => [name, graph.floatInput(name, dims)]));
      const value = (name: string): Value => inputs.get(name) as Value;
      // Only the module's declared size differs; the tensors are the same.
      const module: LinearModule = { name: 'proj', into, out: large ? mergedElements : out, bias: true, inOut };
      const [y] = projection(value, lora)(value('x'), [module]) as [Value];
      const wanted = ['x', adapterName('proj', 'A'), adapterName('proj', 'B')].map(value);
      const found = gradients([[y, value('dy')]], wanted);
      graph.output('y', y);
      wanted.forEach((input, i) => graph.output(`d${i}`, found.get(input) as Value));
      const session = await Session.open(graph.toModel(), { threads: 1 });
      const outputs = await session.run(feeds);
      await session.close();
      return ['y', 'd0', 'd1', 'd2'].map((name) => outputs[name]?.data as Float64Array);
    };
    const [merged, beside] = [await run(false), await run(true)];
    merged.forEach((expected, i) =>
      expected.forEach((x, at) =>
        assert.ok(Math.abs(x - (beside[i]?.[at] as number)) < 1e-12 * Math.max(1, Math.abs(x))),
      ),
    );
  }
});
