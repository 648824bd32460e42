/**
 * The two graphs of sampling: `prefill` reads prompts into a key-value cache, `stretch` draws up to a stretch of tokens.
 *
 * Onnxruntime's binding copies every output to JavaScript, so a run per token would copy the cache per token. The
 * stretch is one run: an ONNX Loop that carries only its own few keys and values; the past lies outside the loop, is
 * read in place, and grows once per stretch. Adapters are merged into the weights outside the loop, once per run, and
 * q/k/v and gate/up are one product each.
 */
import {
  type DataType,
  type Dim,
  Graph,
  type Value,
  cast,
  emitBinary,
  emitMatmul,
  emitReduce,
  emitReshape,
  emitUnary,
  mul,
  rmsNorm,
  rotary,
  softmax,
  embedding,
  transpose,
} from '@gapo/graph';
import {
  type DecoderConfig,
  type DecoderModel,
  type TrainableSpec,
  adapterName,
  isTarget,
  trainableTensors,
} from '@gapo/model';
import {
  type Projection,
  type Tensors,
  attentionModules,
  decodeSequences,
  decoderLayer,
  rotaryAngles,
} from './decoder.js';
import { tensorSource } from './tensorSource.js';

/** Names of a layer's cache tensors, [rows, keyValueHeads, positions, headWidth]. */
export const cacheNames = {
  keys: (layer: number): string => `keys.${layer}`,
  values: (layer: number): string => `values.${layer}`,
} as const;

/** Reads prompts: ids int64 [B, T] → each layer's keys and values. */
export function prefillGraph(model: DecoderModel, spec: TrainableSpec): Graph {
  const graph = new Graph('prefill');
  const { tensors } = tensorSource(graph, trainableTensors(model.config, spec), model.weights);
  const ids = graph.input('ids', 'int64', ['B', 'T']);
  const { cache } = decodeSequences(model.config, ids, tensors, spec.lora);
  cache.forEach(({ keys, values }, layer) => {
    graph.output(cacheNames.keys(layer), keys);
    graph.output(cacheNames.values(layer), values);
  });
  return graph;
}

/** How tokens are drawn: by inverse CDF from one uniform number each, or the most probable. */
export type Drawing = 'sample' | 'greedy';

interface Carried {
  readonly token: Value; // int64 [R]
  readonly done: Value; // bool [R]
  readonly keys: readonly Value[]; // [R, kv, t, headWidth] for each layer
  readonly values: readonly Value[];
}

/**
 * Draws a stretch. Inputs: `rows` int64 [R] (which past rows go on), the past caches [P, kv, S, headWidth], `pastMask`
 * [R, S] (0, or maskedScore where a past position is padding), `token` int64 [R] (the last token of each row),
 * `position` int64 [R] (its position), `steps` int64 scalar, `inverseTemperature`, and for `sample` `uniforms`
 * [steps, R]. Outputs: `tokens` int64 [t, R], `logprobs` [t, R], and the grown caches; t ≤ steps, less where every row
 * has drawn an end-of-sequence token.
 */
export function stretchGraph(model: DecoderModel, spec: TrainableSpec, drawing: Drawing): Graph {
  const { config } = model;
  const { layers, keyValueHeads, headWidth } = config;
  const graph = new Graph('stretch');
  const { tensors } = tensorSource(graph, trainableTensors(config, spec), model.weights);
  const rows = graph.input('rows', 'int64', ['R']);
  const past = (name: string): Value => {
    const whole = graph.floatInput(name, ['P', keyValueHeads, 'S', headWidth]);
    return graph.emit('Gather', [whole, rows], { dtype: graph.float, dims: ['R', keyValueHeads, 'S', headWidth] });
  };
  const range = Array.from({ length: layers }, (_, layer) => layer);
  const pastKeys = range.map((layer) => past(cacheNames.keys(layer)));
  const pastValues = range.map((layer) => past(cacheNames.values(layer)));
  const pastMask = emitReshape(graph.floatInput('pastMask', ['R', 'S']), [0, 1, 1, -1], ['R', 1, 1, 'S']);
  const token = graph.input('token', 'int64', ['R']);
  const position = graph.input('position', 'int64', ['R']);
  const steps = graph.input('steps', 'int64', []);
  const inverseTemperature = graph.floatInput('inverseTemperature', []);
  const uniforms = drawing === 'sample' ? graph.floatInput('uniforms', ['steps', 'R']) : undefined;
  const merged = mergedTensors(graph, config, spec, tensors);

  const body = new Graph('step', graph.float, graph);
  const iteration = body.input('iteration', 'int64', []);
  body.input('continue', 'bool', []);
  const piece = ['R', keyValueHeads, 't', headWidth] as const;
  const carried: Carried = {
    token: body.input('carriedToken', 'int64', ['R']),
    done: body.input('carriedDone', 'bool', ['R']),
    keys: range.map((layer) => body.floatInput(`carriedKeys.${layer}`, piece)),
    values: range.map((layer) => body.floatInput(`carriedValues.${layer}`, piece)),
  };
  const next = step(config, merged, { pastKeys, pastValues, pastMask, position, iteration, carried });
  const { drawn, logprob } = draw(next.logits, iteration, inverseTemperature, uniforms);
  const done = config.eosIds
    .map((id) => emitBinary('Equal', drawn, graph.integers([id]), 'bool'))
    .reduce((any, one) => emitBinary('Or', any, one), carried.done);
  body.output('goOn', anyFalse(done));
  body.output('nextToken', drawn);
  body.output('nextDone', done);
  range.forEach((layer) => body.output(`nextKeys.${layer}`, next.keys[layer] as Value));
  range.forEach((layer) => body.output(`nextValues.${layer}`, next.values[layer] as Value));
  body.output('drawn', drawn);
  body.output('drawnLogprob', logprob);

  const nothing = emptyPiece(graph, rows, keyValueHeads, headWidth);
  const noneDone = emitBinary('Less', rows, graph.integers([0]), 'bool'); // rows are indices: never negative
  const grown = { dtype: graph.float, dims: ['R', keyValueHeads, 't', headWidth] };
  const results = graph.emitAll(
    'Loop',
    [steps, graph.boolean(true), token, noneDone, ...range.map(() => nothing), ...range.map(() => nothing)],
    [
      { dtype: 'int64', dims: ['R'] },
      { dtype: 'bool', dims: ['R'] },
      ...range.map(() => grown),
      ...range.map(() => grown),
      { dtype: 'int64', dims: ['t', 'R'] },
      { dtype: graph.float, dims: ['t', 'R'] },
    ],
    { body: { kind: 'graph', value: body.content() } },
  );
  range.forEach((layer) => {
    graph.output(`grown.${cacheNames.keys(layer)}`, append(pastKeys[layer] as Value, results[2 + layer] as Value));
    graph.output(
      `grown.${cacheNames.values(layer)}`,
      append(pastValues[layer] as Value, results[2 + layers + layer] as Value),
    );
  });
  graph.output('tokens', results[2 + 2 * layers] as Value);
  graph.output('logprobs', results[3 + 2 * layers] as Value);
  return graph;
}

interface StepInputs {
  readonly pastKeys: readonly Value[];
  readonly pastValues: readonly Value[];
  readonly pastMask: Value;
  readonly position: Value;
  readonly iteration: Value;
  readonly carried: Carried;
}

/** One decoding step of every row: the logits [R, V] of the next token, and the stretch's keys and values grown by one. */
function step(
  config: DecoderConfig,
  merged: MergedTensors,
  inputs: StepInputs,
): {
  readonly logits: Value;
  readonly keys: readonly Value[];
  readonly values: readonly Value[];
} {
  const { heads, keyValueHeads, headWidth } = config;
  const groups = heads / keyValueHeads;
  const { iteration, carried } = inputs;
  const g = iteration.graph;
  const at = cast(emitBinary('Add', inputs.position, iteration), g.float); // [R]
  const angles = rotaryAngles(config, emitReshape(at, [-1, 1, 1, 1], ['R', 1, 1, 1])); // [R, 1, 1, headWidth / 2]
  const keys: Value[] = [];
  const values: Value[] = [];
  const alpha = 1 / Math.sqrt(headWidth);
  let x = embedding(merged.tensors('model.embed_tokens.weight'), carried.token); // [R, width]
  for (let layer = 0; layer < config.layers; layer++) {
    x = decoderLayer(config, layer, x, merged.tensors, merged.project, (normed) => {
      const [q, k, v] = merged.project(normed, attentionModules(layer)) as [Value, Value, Value];
      const queries = rotary(
        emitReshape(q, [0, keyValueHeads, groups, headWidth], ['R', keyValueHeads, groups, headWidth]),
        angles.cos,
        angles.sin,
      );
      const key = rotary(
        emitReshape(k, [0, keyValueHeads, 1, headWidth], ['R', keyValueHeads, 1, headWidth]),
        angles.cos,
        angles.sin,
      );
      const value = emitReshape(v, [0, keyValueHeads, 1, headWidth], ['R', keyValueHeads, 1, headWidth]);
      const ownKeys = append(carried.keys[layer] as Value, key);
      const ownValues = append(carried.values[layer] as Value, value);
      keys.push(ownKeys);
      values.push(ownValues);
      const pastKeys = inputs.pastKeys[layer] as Value;
      const pastScores = emitBinary('Add', emitMatmul(queries, pastKeys, { transB: true, alpha }), inputs.pastMask); // [R, kv, groups, S]
      const ownScores = emitMatmul(queries, ownKeys, { transB: true, alpha }); // [R, kv, groups, t]
      const { past, own } = splitSoftmax(pastScores, ownScores);
      const mixed = emitBinary('Add', emitMatmul(past, inputs.pastValues[layer] as Value), emitMatmul(own, ownValues));
      return emitReshape(mixed, [0, -1], ['R', heads * headWidth]); // heads of a group lie together
    });
  }
  const hidden = rmsNorm(x, merged.tensors('model.norm.weight'), config.epsilon);
  return { logits: emitMatmul(hidden, merged.output), keys, values };
}

/** One softmax over past and own scores, given back in its two parts. */
function splitSoftmax(pastScores: Value, ownScores: Value): { readonly past: Value; readonly own: Value } {
  const g = ownScores.graph;
  const axis = { kind: 'int', value: -1 } as const;
  const lead = pastScores.dims.slice(0, -1);
  const joined = g.emit('Concat', [pastScores, ownScores], { dtype: g.float, dims: [...lead, 'S+t'] }, { axis });
  const weights = softmax(joined);
  const sizes = g.emit(
    'Concat',
    [lastExtent(pastScores), lastExtent(ownScores)],
    { dtype: 'int64', dims: [2] },
    { axis },
  );
  const [past, own] = g.emitAll(
    'Split',
    [weights, sizes],
    [
      { dtype: g.float, dims: pastScores.dims },
      { dtype: g.float, dims: ownScores.dims },
    ],
    { axis },
  ) as [Value, Value];
  return { past, own };
}

/** Draws a token from each row of logits [R, V]: the first whose cumulative probability exceeds the uniform number. */
function draw(
  logits: Value,
  iteration: Value,
  inverseTemperature: Value,
  uniforms: Value | undefined,
): { readonly drawn: Value; readonly logprob: Value } {
  const g = logits.graph;
  const vocabulary = logits.dims[1] as number;
  const axis = { kind: 'int', value: -1 } as const;
  const logprobs = g.emit(
    'LogSoftmax',
    [mul(logits, inverseTemperature)],
    { dtype: g.float, dims: logits.dims },
    { axis },
  );
  let column: Value; // int64 [R, 1]
  if (uniforms === undefined) {
    column = g.emit(
      'ArgMax',
      [logits],
      { dtype: 'int64', dims: ['R', 1] },
      { axis, keepdims: { kind: 'int', value: 1 } },
    );
  } else {
    const probabilities = emitUnary('Exp', logprobs);
    const cumulative = g.emit('CumSum', [probabilities, g.integers([1], [])], { dtype: g.float, dims: logits.dims });
    const u = g.emit('Gather', [uniforms, iteration], { dtype: g.float, dims: ['R'] });
    // The float32 sum of the probabilities is not exactly 1: the uniform number is scaled by it.
    const last = g.emit(
      'Gather',
      [cumulative, g.integers([vocabulary - 1])],
      { dtype: g.float, dims: ['R', 1] },
      {
        axis: { kind: 'int', value: 1 },
      },
    );
    const threshold = emitBinary('Mul', emitReshape(u, [-1, 1], ['R', 1]), last);
    const below = cast(emitBinary('LessOrEqual', cumulative, threshold, 'bool'), g.float);
    const count = cast(emitReduce('ReduceSum', below, -1), 'int64'); // [R, 1]
    column = emitBinary('Min', count, g.integers([vocabulary - 1]));
  }
  const picked = g.emit('GatherElements', [logprobs, column], { dtype: g.float, dims: ['R', 1] }, { axis });
  return { drawn: emitReshape(column, [-1], ['R']), logprob: emitReshape(picked, [-1], ['R']) };
}

interface MergedTensors {
  readonly tensors: Tensors;
  /** Several modules of one input are one product. */
  readonly project: Projection;
  /** [width, V]. */
  readonly output: Value;
}

/** Weights with adapters merged in and related ones joined, all outside the loop. */
function mergedTensors(graph: Graph, config: DecoderConfig, spec: TrainableSpec, tensors: Tensors): MergedTensors {
  const { lora } = spec;
  const merged = (module: string): Value => {
    const weight = tensors(`${module}.weight`);
    if (lora === undefined || !isTarget(lora, module)) return weight;
    const [a, b] = [tensors(adapterName(module, 'A')), tensors(adapterName(module, 'B'))];
    return emitBinary('Add', weight, emitMatmul(b, a, { alpha: lora.alpha / lora.rank })); // [out, in]
  };
  const joined = new Map<string, Value>();
  /** wᵀ of several modules side by side: [in, Σ out]. */
  const joint = (modules: readonly string[]): Value => {
    const key = modules.join();
    let value = joined.get(key);
    if (value === undefined) {
      const weights = modules.map(merged);
      const out = weights.reduce((total, { dims }) => total + (dims[0] as number), 0);
      const into = weights[0]?.dims[1] as number;
      const axis = { axis: { kind: 'int', value: 0 } } as const;
      const together =
        weights.length === 1
          ? (weights[0] as Value)
          : graph.emit('Concat', weights, { dtype: graph.float, dims: [out, into] }, axis);
      value = transpose(together, [1, 0]);
      joined.set(key, value);
    }
    return value;
  };
  return {
    tensors,
    project: (x, modules) => {
      const y = emitMatmul(x, joint(modules));
      if (modules.length === 1) return [y];
      const widths = modules.map((module) => tensors(`${module}.weight`).dims[0] as number);
      return y.graph.emitAll(
        'Split',
        [y, graph.integers(widths)],
        widths.map((width) => ({ dtype: graph.float, dims: ['R', width] })),
        { axis: { kind: 'int', value: -1 } },
      );
    },
    output: transpose(tensors(config.tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight'), [1, 0]),
  };
}

/** Two caches, one after the other along the positions. */
function append(first: Value, second: Value): Value {
  const g = second.graph.depth > first.graph.depth ? second.graph : first.graph;
  const dims: Dim[] = [...second.dims];
  dims[2] = `${first.dims[2]}+${second.dims[2]}`;
  return g.emit('Concat', [first, second], { dtype: g.float, dims }, { axis: { kind: 'int', value: 2 } });
}

/** [R, kv, 0, headWidth]: the stretch's cache before its first token. */
function emptyPiece(graph: Graph, rows: Value, keyValueHeads: number, headWidth: number): Value {
  const count = graph.emit('Shape', [rows], { dtype: 'int64', dims: [1] });
  const rest = graph.integers([keyValueHeads, 0, headWidth]);
  const shape = graph.emit('Concat', [count, rest], { dtype: 'int64', dims: [4] }, { axis: { kind: 'int', value: 0 } });
  return graph.emit('Expand', [graph.constant(0), shape], {
    dtype: graph.float,
    dims: ['R', keyValueHeads, 't', headWidth],
  });
}

function lastExtent(x: Value): Value {
  const g = x.graph;
  const shape = g.emit('Shape', [x], { dtype: 'int64', dims: [x.dims.length] });
  return g.emit('Gather', [shape, g.integers([x.dims.length - 1])], { dtype: 'int64', dims: [1] });
}

/** Whether some element is false. */
function anyFalse(flags: Value): Value {
  const open = cast(emitUnary('Not', flags), 'int32' satisfies DataType);
  const count = emitReduce('ReduceSum', open);
  return cast(count, 'bool');
}
