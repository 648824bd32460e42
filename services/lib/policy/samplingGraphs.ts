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
  softmax,
  transpose,
} from '@gapo/graph';
import {
  type DecoderConfig,
  type DecoderModel,
  type LinearModule,
  type TrainableSpec,
  adapterName,
  decoderLayout,
  isTarget,
  trainableTensors,
} from '@gapo/model';
import {
  type Projection,
  type Tensors,
  beforeWindow,
  decodeSequences,
  decoderLayer,
  embed,
  headTransform,
  maskedScore,
  norm,
  queriesKeysValues,
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
 * Draws a stretch. Inputs: `rows` int64 [R] (which past rows go on), the past caches [P, kv, S, headWidth],
 * `pastPositions` int64 [R, S] (the position of each past key, −1 where it is padding), `token` int64 [R] (the last token
 * of each row), `position` int64 [R] (its position), `steps` int64 scalar, `inverseTemperature`, and for `sample` `uniforms`
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
  const pastPositions = emitReshape(graph.input('pastPositions', 'int64', ['R', 'S']), [0, 1, 1, -1], ['R', 1, 1, 'S']);
  const pastMask = masking(emitBinary('Less', pastPositions, graph.integers([0], []), 'bool')); // [R, 1, 1, S]
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
  const next = step(config, merged, { pastKeys, pastValues, pastPositions, pastMask, position, iteration, carried });
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
  readonly pastPositions: Value;
  /** 0, or maskedScore where the past is padding. */
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
  const layout = decoderLayout(config);
  const at = emitBinary('Add', inputs.position, iteration); // int64 [R]
  const perHead = emitReshape(at, [-1, 1, 1, 1], ['R', 1, 1, 1]);
  const transform = headTransform(config, merged.tensors, perHead);
  const masks = windowMasks(config, inputs, perHead);
  const keys: Value[] = [];
  const values: Value[] = [];
  const alpha = 1 / Math.sqrt(headWidth);
  let x = embed(config, merged.tensors, carried.token, at); // [R, width]
  layout.layers.forEach((names, layer) => {
    const mask = masks(config.windows[layer]);
    x = decoderLayer(config, names, x, merged.tensors, merged.project, (normed) => {
      const [q, k, v] = queriesKeysValues(config, names, merged.project, normed);
      const queries = transform(
        emitReshape(q, [0, keyValueHeads, groups, headWidth], ['R', keyValueHeads, groups, headWidth]),
        names.queryNorm,
      );
      const key = transform(
        emitReshape(k, [0, keyValueHeads, 1, headWidth], ['R', keyValueHeads, 1, headWidth]),
        names.keyNorm,
      );
      const value = emitReshape(v, [0, keyValueHeads, 1, headWidth], ['R', keyValueHeads, 1, headWidth]);
      const ownKeys = append(carried.keys[layer] as Value, key);
      const ownValues = append(carried.values[layer] as Value, value);
      keys.push(ownKeys);
      values.push(ownValues);
      const pastKeys = inputs.pastKeys[layer] as Value;
      const pastScores = emitBinary('Add', emitMatmul(queries, pastKeys, { transB: true, alpha }), mask.past); // [R, kv, groups, S]
      const unmasked = emitMatmul(queries, ownKeys, { transB: true, alpha }); // [R, kv, groups, t]
      const ownScores = mask.own === undefined ? unmasked : emitBinary('Add', unmasked, mask.own);
      const { past, own } = splitSoftmax(pastScores, ownScores);
      const mixed = emitBinary('Add', emitMatmul(past, inputs.pastValues[layer] as Value), emitMatmul(own, ownValues));
      return emitReshape(mixed, [0, -1], ['R', heads * headWidth]); // heads of a group lie together
    });
  });
  const hidden = norm(config, merged.tensors, layout.finalNorm, x);
  return { logits: emitMatmul(hidden, merged.output), keys, values };
}

/** What is added to a step's scores: to those of past keys, and to those of the stretch's own where a window hides some. */
interface StepMask {
  readonly past: Value; // [R, 1, 1, S]
  readonly own: Value | undefined; // [t + 1]
}

/** A step's masks by window. `at` int64 [R, 1, 1, 1]: the positions of the queries. */
function windowMasks(
  config: DecoderConfig,
  { pastPositions, pastMask, iteration }: StepInputs,
  at: Value,
): (window: number | undefined) => StepMask {
  const g = iteration.graph;
  const made = new Map<number | undefined, StepMask>([[undefined, { past: pastMask, own: undefined }]]);
  return (window) => {
    let mask = made.get(window);
    if (mask === undefined && window !== undefined) {
      const one = g.integers([1], []);
      const offsets = g.emit('Range', [g.integers([0], []), emitBinary('Add', iteration, one), one], {
        dtype: 'int64',
        dims: ['t+1'],
      });
      mask = {
        past: emitBinary('Add', pastMask, masking(beforeWindow(pastPositions, at, window))),
        own: masking(beforeWindow(offsets, iteration, window)),
      };
      made.set(window, mask);
    }
    return mask as StepMask;
  };
}

/** maskedScore where hidden, 0 elsewhere. */
function masking(hidden: Value): Value {
  const g = hidden.graph;
  return g.emit('Where', [hidden, g.constant(maskedScore), g.constant(0)], { dtype: g.float, dims: hidden.dims });
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
  /** wᵀ with its adapter: [in, out]. */
  const merged = ({ name, inOut }: LinearModule): Value => {
    const weight = tensors(`${name}.weight`);
    const upright = inOut ? weight : transpose(weight, [1, 0]);
    if (lora === undefined || !isTarget(lora, name)) return upright;
    const [a, b] = [tensors(adapterName(name, 'A')), tensors(adapterName(name, 'B'))];
    return emitBinary('Add', upright, emitMatmul(a, b, { transA: true, transB: true, alpha: lora.alpha / lora.rank }));
  };
  const joined = new Map<string, Joint>();
  const joint = (modules: readonly LinearModule[]): Joint => {
    const key = modules.map(({ name }) => name).join();
    let found = joined.get(key);
    if (found === undefined) {
      const out = modules.reduce((total, module) => total + module.out, 0);
      const into = modules[0]?.into as number;
      const biased = modules.filter(({ bias }) => bias); // modules of one input have a bias all or none
      found = {
        weight: together(graph, modules.map(merged), [into, out]),
        bias:
          biased.length === 0
            ? undefined
            : together(
                graph,
                biased.map(({ name }) => tensors(`${name}.bias`)),
                [out],
              ),
      };
      joined.set(key, found);
    }
    return found;
  };
  return {
    tensors,
    project: (x, modules) => {
      const { weight, bias } = joint(modules);
      const product = emitMatmul(x, weight);
      const y = bias === undefined ? product : emitBinary('Add', product, bias);
      if (modules.length === 1) return [y];
      const widths = modules.map(({ out }) => out);
      return y.graph.emitAll(
        'Split',
        [y, graph.integers(widths)],
        widths.map((width) => ({ dtype: graph.float, dims: ['R', width] })),
        { axis: { kind: 'int', value: -1 } },
      );
    },
    output: transpose(tensors(decoderLayout(config).head), [1, 0]),
  };
}

/** Modules of one input as one linear map: x · weight + bias. */
interface Joint {
  readonly weight: Value; // [in, Σ out]
  readonly bias: Value | undefined; // [Σ out]
}

/** Tensors side by side along their last axis. */
function together(graph: Graph, parts: readonly Value[], dims: readonly Dim[]): Value {
  const [only] = parts as [Value];
  const axis = { axis: { kind: 'int', value: -1 } } as const;
  return parts.length === 1 ? only : graph.emit('Concat', parts, { dtype: graph.float, dims }, axis);
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
