/** Drawing against distributions computed in float64: the kept tokens, their probabilities, and the token that a number selects. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Graph, Session, type TensorArray, int64 } from '@gapo/graph';
import { philoxNormal } from '@gapo/model';
import { uniform } from '@gapo/numeric';
import { type Drawing, type Draws, draw, drawingInputs, isProcessed } from './drawing.js';

interface Options {
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  /** The ids that may be drawn. */
  readonly drawable?: Uint8Array;
}

const rows = 64;
const plain: Drawing = {
  greedy: false,
  masked: false,
  repetitionPenalty: false,
  topK: false,
  topP: false,
  minP: false,
};
const drawingFor = (options: Options, greedy = false): Drawing => ({
  greedy,
  masked: options.drawable !== undefined,
  repetitionPenalty: options.repetitionPenalty !== undefined,
  topK: options.topK !== undefined,
  topP: options.topP !== undefined,
  minP: options.minP !== undefined,
});

/** Normally distributed logits for every row, and the tokens that each row has seen. */
function example(vocabulary: number, spread: number) {
  const logits = philoxNormal(rows * vocabulary, 5, vocabulary, spread);
  const seen = Uint8Array.from({ length: rows * vocabulary }, (_, i) => (uniform(9, i) < 0.2 ? 1 : 0));
  const uniforms = Float32Array.from({ length: rows }, (_, row) => uniform(7, row));
  uniforms.set([0, 1 - 2 ** -24], 0); // both ends of the counter-based generator's range
  return { vocabulary, logits, seen, uniforms };
}

/** Declares the inputs for drawing a token for each row. */
const draws = (graph: Graph): Draws => ({
  uniform: graph.floatInput('uniform', ['R', 1]),
  rowNumbers: graph.input('rowNumbers', 'int64', ['R', 1]),
});

async function drawn(
  { vocabulary, logits, seen, uniforms }: ReturnType<typeof example>,
  options: Options,
  greedy = false,
) {
  const drawing = drawingFor(options, greedy);
  const graph = new Graph('draw');
  const inputs = drawingInputs(graph, drawing, vocabulary);
  const result = draw(
    graph.floatInput('logits', ['R', vocabulary]),
    drawing,
    inputs,
    drawing.repetitionPenalty ? graph.input('seen', 'bool', ['R', vocabulary]) : undefined,
    greedy ? undefined : draws(graph),
  );
  graph.output('token', result.token);
  graph.output('logprob', result.logprob);
  if (result.drawnLogprob !== undefined) graph.output('drawnLogprob', result.drawnLogprob);
  assert.equal(result.drawnLogprob !== undefined, isProcessed(drawing));
  const session = await Session.open(graph.toModel(), { threads: 1 });
  const scalar = (value = 0): TensorArray => ({ data: Float32Array.of(value), dims: [] });
  const feeds: Record<string, TensorArray> = {
    logits: { data: logits, dims: [rows, vocabulary] },
    uniform: { data: uniforms, dims: [rows, 1] },
    seen: { data: seen, dims: [rows, vocabulary] },
    rowNumbers: { data: int64([...Array(rows).keys()]), dims: [rows, 1] },
    topK: { data: int64([options.topK ?? 0]), dims: [1] },
    topP: scalar(options.topP),
    minP: scalar(options.minP),
    drawable: { data: options.drawable ?? new Uint8Array(vocabulary), dims: [1, vocabulary] },
    repetitionPenalty: scalar(options.repetitionPenalty),
  };
  const outputs = await session.run(
    Object.fromEntries(session.inputNames.map((name) => [name, feeds[name] as TensorArray])),
  );
  await session.close();
  const floats = (name: string): Float32Array | undefined => outputs[name]?.data as Float32Array | undefined;
  return {
    tokens: [...(outputs['token']?.data as BigInt64Array)].map(Number),
    logprobs: floats('logprob') as Float32Array,
    drawnLogprobs: floats('drawnLogprob'),
  };
}

function softmax(logits: readonly number[]): number[] {
  const most = Math.max(...logits);
  const weights = logits.map((x) => Math.exp(x - most));
  const total = weights.reduce((sum, x) => sum + x, 0);
  return weights.map((x) => x / total);
}

/** The distribution that a row is drawn from, step by step as documented for the options. */
function expected(
  logits: readonly number[],
  seen: Uint8Array,
  { topK, topP, minP, repetitionPenalty = 1, drawable }: Options,
): number[] {
  const penalized = logits.map((x, v) => (seen[v] === 0 ? x : x > 0 ? x / repetitionPenalty : x * repetitionPenalty));
  let kept = softmax(penalized).map((p, v) => (drawable?.[v] === 0 ? 0 : p));
  const keepFrom = (edge: number): void => void (kept = kept.map((p) => (p >= edge ? p : 0)));
  if (topK !== undefined) keepFrom(kept.toSorted((a, b) => b - a)[topK - 1] as number);
  if (topP !== undefined) {
    const total = kept.reduce((sum, p) => sum + p, 0);
    let sum = 0;
    keepFrom(kept.toSorted((a, b) => b - a).find((p) => (sum += p) >= topP * total) as number);
  }
  if (minP !== undefined) keepFrom(Math.max(...kept) * minP);
  const total = kept.reduce((sum, p) => sum + p, 0);
  return kept.map((p) => p / total);
}

/** Every third id, as if only those had tokens. */
const everyThird = (vocabulary: number): Uint8Array =>
  Uint8Array.from({ length: vocabulary }, (_, id) => (id % 3 === 0 ? 1 : 0));

describe('drawing a token', () => {
  const cases: readonly (readonly [string, Options, masked?: boolean])[] = [
    ['no option', {}],
    ['top-k', { topK: 5 }],
    ['top-k of everything', { topK: 300 }],
    ['top-p within the first candidates', { topP: 0.9 }],
    ['top-p beyond the first candidates', { topP: 0.999 }],
    ['min-p', { minP: 0.1 }],
    ['a repetition penalty', { repetitionPenalty: 1.7 }],
    ['ids without a token', {}, true],
    ['everything at once', { repetitionPenalty: 1.3, topK: 40, topP: 0.8, minP: 0.02 }],
    ['everything, and ids without a token', { repetitionPenalty: 1.3, topK: 40, topP: 0.8, minP: 0.02 }, true],
  ];
  // 300: more than the first candidates, in blocks of 15. 11: a prime, and fewer than the candidates. 2: very flat.
  for (const [vocabulary, spread] of [
    [300, 2],
    [300, 0.3],
    [11, 2],
  ] as const) {
    for (const [what, options, masked] of cases) {
      const some = {
        ...options,
        ...(options.topK && { topK: Math.min(options.topK, vocabulary) }),
        ...(masked && { drawable: everyThird(vocabulary) }),
      };
      test(`${what}, ${vocabulary} tokens of spread ${spread}: the token, its probability and the policy's own agree with float64`, async () => {
        const given = example(vocabulary, spread);
        const { tokens, logprobs, drawnLogprobs } = await drawn(given, some);
        for (let row = 0; row < rows; row++) {
          const logits = [...given.logits.subarray(row * vocabulary, (row + 1) * vocabulary)];
          const seen = given.seen.subarray(row * vocabulary, (row + 1) * vocabulary);
          const p = expected(logits, seen, some);
          const token = tokens[row] as number;
          const before = p.slice(0, token).reduce((sum, x) => sum + x, 0);
          const u = given.uniforms[row] as number;
          assert.ok((p[token] as number) > 0, `row ${row}: token ${token} was cut`);
          assert.ok(
            u > before - 1e-5 && u < before + (p[token] as number) + 1e-5,
            `row ${row}: token ${token} for ${u}`,
          );
          const own = Math.log(softmax(logits)[token] as number);
          assert.ok(Math.abs((logprobs[row] as number) - own) < 1e-5, `row ${row}: ${logprobs[row]}, expected ${own}`);
          if (drawnLogprobs === undefined) continue;
          const gap = Math.abs((drawnLogprobs[row] as number) - Math.log(p[token] as number));
          assert.ok(
            gap < 1e-5,
            `row ${row}: drawn with ${drawnLogprobs[row]}, expected ${Math.log(p[token] as number)}`,
          );
        }
      });
    }
  }

  test('the case of top-p has rows whose nucleus is within the first candidates, and others', () => {
    const sizes = (spread: number, topP: number): number[] => {
      const { logits, seen } = example(300, spread);
      return Array.from({ length: rows }, (_, row) => {
        const p = expected([...logits.subarray(row * 300, (row + 1) * 300)], seen, { topP });
        return p.filter((x) => x > 0).length;
      });
    };
    assert.ok(Math.max(...sizes(2, 0.9)) < 128);
    assert.ok(Math.min(...sizes(0.3, 0.9)) > 128);
  });

  test('the most probable token is taken after the penalty, with the policy’s own log-probability', async () => {
    const given = example(300, 2);
    const { tokens, logprobs } = await drawn(given, { repetitionPenalty: 3 }, true);
    let changed = 0;
    for (let row = 0; row < rows; row++) {
      const logits = [...given.logits.subarray(row * 300, (row + 1) * 300)];
      const p = expected(logits, given.seen.subarray(row * 300, (row + 1) * 300), { repetitionPenalty: 3 });
      assert.equal(tokens[row], p.indexOf(Math.max(...p)));
      if (tokens[row] !== logits.indexOf(Math.max(...logits))) changed++;
      const own = Math.log(softmax(logits)[tokens[row] as number] as number);
      assert.ok(Math.abs((logprobs[row] as number) - own) < 1e-5);
    }
    assert.ok(changed > 0, 'the penalty changes some choice');
  });

  test('the most probable id with a token is taken', async () => {
    const given = example(300, 2);
    const drawable = everyThird(300);
    const { tokens, logprobs } = await drawn(given, { drawable }, true);
    for (let row = 0; row < rows; row++) {
      const logits = [...given.logits.subarray(row * 300, (row + 1) * 300)];
      const allowed = logits.map((x, id) => (drawable[id] === 1 ? x : -Infinity));
      assert.equal(tokens[row], allowed.indexOf(Math.max(...allowed)));
      const own = Math.log(softmax(logits)[tokens[row] as number] as number);
      assert.ok(Math.abs((logprobs[row] as number) - own) < 1e-5, 'over all ids, as the trainer computes it');
    }
  });

  test('a probability of zero is never drawn, wherever the number falls', async () => {
    const vocabulary = 64;
    const given = example(vocabulary, 4);
    given.uniforms.set(Float32Array.from({ length: rows }, (_, row) => (row % 2 === 0 ? 1 - 2 ** -24 : 0)));
    const { drawnLogprobs } = await drawn(given, { topK: 1 });
    assert.ok(drawnLogprobs?.every((x) => Math.abs(x) < 1e-6));
  });

  test('options that are off have no node', () => {
    const nodes = (drawing: Drawing): string[] => {
      const graph = new Graph('draw');
      const seen = drawing.repetitionPenalty ? graph.input('seen', 'bool', ['R', 300]) : undefined;
      const result = draw(
        graph.floatInput('logits', ['R', 300]),
        drawing,
        drawingInputs(graph, drawing, 300),
        seen,
        draws(graph),
      );
      for (const value of [result.token, result.logprob]) graph.result(value);
      return graph.content().nodes.map(({ operator }) => operator);
    };
    for (const operator of ['TopK', 'If', 'Where', 'LogSoftmax']) assert.ok(!nodes(plain).includes(operator), operator);
    assert.ok(nodes({ ...plain, topP: true }).includes('If'));
    assert.ok(!nodes({ ...plain, topK: true }).includes('If'));
  });
});
