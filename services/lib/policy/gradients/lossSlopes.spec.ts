/** The nodes of every slope against the formula next to its loss. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Graph, Session, type Value } from '@gapo/graph';
import * as losses from '@gapo/objectives';
import * as slopes from './lossSlopes.js';

const [tokens, denominator, clipRange, coefficient] = [40, 7, 0.2, 0.3];
const wave = (seed: number, scale: number): Float64Array =>
  Float64Array.from({ length: tokens }, (_, n) => scale * Math.sin(1.7 * n + seed));
const [logprobs, oldLogprobs, reference, advantages] = [wave(1, 1), wave(2, 1), wave(3, 1), wave(4, 2)];
const ratios = logprobs.map((x, n) => losses.importanceRatio(x, oldLogprobs[n] ?? NaN));

/** Returns a graph's only output for the given input vectors. */
async function run(
  vectors: Readonly<Record<string, Float64Array>>,
  build: (g: Graph, inputs: Readonly<Record<string, Value>>) => Value,
): Promise<Float64Array> {
  const graph = new Graph('slopes', 'float64');
  const inputs = Object.fromEntries(Object.keys(vectors).map((name) => [name, graph.floatInput(name, ['N'])]));
  graph.output('slope', build(graph, inputs));
  const session = await Session.open(graph.toModel(), { threads: 1 });
  const feeds = Object.entries(vectors).map(([name, data]) => [name, { data, dims: [tokens] }] as const);
  const { slope } = await session.run(Object.fromEntries(feeds));
  await session.close();
  return slope?.data as Float64Array;
}

function assertEqual(found: Float64Array, expected: Float64Array): void {
  assert.equal(found.length, expected.length);
  expected.forEach((x, n) => assert.ok(Math.abs((found[n] ?? NaN) - x) <= 1e-12, `token ${n}: ${found[n]}, not ${x}`));
}

describe('slopes in the graph are those of the losses', () => {
  const surrogate = ratios.map((r, n) => losses.surrogateSlope(r, advantages[n] ?? NaN, clipRange) / denominator);

  test('of the surrogate with an advantage for each token', async () => {
    const vectors = { logprobs, oldLogprobs, advantages };
    const found = await run(vectors, (g, { logprobs, oldLogprobs, advantages }) =>
      slopes.tokenSurrogateSlope(
        slopes.ratio(logprobs as Value, oldLogprobs as Value),
        advantages as Value,
        g.constant(denominator),
        clipRange,
      ),
    );
    assertEqual(found, surrogate);
    const clipped = ratios.filter((r, n) => losses.isClipped(r, advantages[n] ?? NaN, clipRange)).length;
    assert.ok(clipped > 0 && clipped < tokens);
  });

  test('of the surrogate in two passes, one for each sign of the advantages', async () => {
    const signs = ['positive', 'negative'] as const;
    const parts = signs.map((sign) =>
      run({ ratios, advantages }, (g, { ratios, advantages }) => {
        const slope = slopes.surrogateSlope(ratios as Value, g.constant(denominator), clipRange, sign);
        const own = slopes.signedPart(advantages as Value, sign);
        return g.emit('Mul', [slope, own], { dtype: 'float64', dims: ['N'] });
      }),
    );
    const [positive, negative] = (await Promise.all(parts)) as [Float64Array, Float64Array];
    assertEqual(
      positive.map((x, n) => x + (negative[n] ?? NaN)),
      surrogate,
    );
  });

  test('of the divergence and of the entropy bonus', async () => {
    const kl = await run({ logprobs, reference }, (g, { logprobs, reference }) =>
      slopes.klSlope(logprobs as Value, reference as Value, g.constant(coefficient), g.constant(denominator)),
    );
    assertEqual(
      kl,
      logprobs.map((x, n) => (-coefficient * losses.klSlope(x, reference[n] ?? NaN)) / denominator),
    );
    const bonus = await run({ logprobs }, (g, { logprobs }) =>
      slopes.uniformSlope(logprobs as Value, g.constant(coefficient), g.constant(denominator)),
    );
    assertEqual(bonus, new Float64Array(tokens).fill(coefficient / denominator));
  });

  for (const clip of [0, 0.5]) {
    test(`of the value loss, with a clip of ${clip}`, async () => {
      const [values, oldValues, returns] = [wave(5, 1), wave(6, 1), wave(7, 2)];
      const found = await run({ values, oldValues, returns }, (g, { values, oldValues, returns }) =>
        slopes.valueSlope(values as Value, {
          oldValues: oldValues as Value,
          returns: returns as Value,
          coefficient: g.constant(coefficient),
          clip: g.constant(clip),
          denominator: g.constant(denominator),
        }),
      );
      assertEqual(
        found,
        values.map((value, n) => {
          const given = { target: returns[n] ?? NaN, oldValue: oldValues[n] ?? NaN, clip };
          return (-coefficient * losses.valueSlope(value, given)) / denominator;
        }),
      );
    });
  }
});
