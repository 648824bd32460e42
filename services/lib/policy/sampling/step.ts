/** One decoding step of every row: attention over a past that is read in place, and over the few positions since. */
import {
  type Dim,
  type Value,
  cast,
  emitBinary,
  emitMatmul,
  emitReshape,
  emitUnary,
  microsoftDomain,
  rmsNorm,
  softmax,
} from '@gapo/graph';
import { type DecoderConfig, decoderLayout, rotaryFrequencies } from '@gapo/model';
import { type Tensors, beforeWindow, decoderLayer, embed, maskedScore, norm, queriesKeysValues } from '../decoder.js';
import type { StepWeights } from './weights.js';

/** What a step reads. */
export interface StepInputs {
  /** int64 [R]: the last token of each row. */
  readonly token: Value;
  /** int64 [R]: its position. */
  readonly position: Value;
  /** int64 scalar: steps of the stretch before this one. */
  readonly iteration: Value;
  /** For each layer, [R, keyValueHeads, S, headWidth]: what was there before the stretch. */
  readonly pastKeys: readonly Value[];
  readonly pastValues: readonly Value[];
  /** int64 [R, 1, 1, S]: the position of each past key. */
  readonly pastPositions: Value;
  /** [R, 1, 1, S]: 0, or maskedScore where the past is padding. */
  readonly pastMask: Value;
  /** For each layer, [R, keyValueHeads, t, headWidth]: what the stretch has added so far. */
  readonly keys: readonly Value[];
  readonly values: readonly Value[];
}

/** What a step makes. */
export interface StepOutputs {
  /** [R, V], of the next token. */
  readonly logits: Value;
  /** Those of the inputs, grown by one position. */
  readonly keys: readonly Value[];
  readonly values: readonly Value[];
}

/** Builds the step. Logits are divided by the temperature: `inverseTemperature` is a scalar. */
export function decodeStep(
  config: DecoderConfig,
  weights: StepWeights,
  inputs: StepInputs,
  inverseTemperature: Value,
): StepOutputs {
  const { heads, keyValueHeads, headWidth } = config;
  const groups = heads / keyValueHeads;
  const { tensors, project } = weights;
  const layout = decoderLayout(config);
  const { token, position } = inputs;
  const transform = rowTransform(config, tensors, position);
  const masks = windowMasks(config, inputs);
  const sizes = splitSizes(inputs.pastMask, inputs.iteration);
  const keys: Value[] = [];
  const values: Value[] = [];
  let x = embed(config, tensors, token, position); // [R, width]
  layout.layers.forEach((layer, index) => {
    const mask = masks(config.windows[index]);
    x = decoderLayer(config, layer, x, tensors, project, (normed) => {
      const [q, k, v] = queriesKeysValues(config, layer, project, normed);
      const byHead = (value: Value, count: number): Value =>
        emitReshape(value, [-1, keyValueHeads, count, headWidth], ['R', keyValueHeads, count, headWidth]);
      const queries = byHead(transform.queries(q, layer.queryNorm), groups); // heads of a group lie together
      const ownKeys = append(inputs.keys[index] as Value, byHead(transform.keys(k, layer.keyNorm), 1));
      const ownValues = append(inputs.values[index] as Value, byHead(v, 1));
      keys.push(ownKeys);
      values.push(ownValues);
      // Two products, not one over the joined keys: joining would copy the whole past in every step.
      const pastScores = emitMatmul(queries, inputs.pastKeys[index] as Value, { transB: true }); // [R, kv, groups, S]
      const ownScores = emitMatmul(queries, ownKeys, { transB: true }); // [R, kv, groups, t + 1]
      const [past, own] = splitSoftmax(
        emitBinary('Add', pastScores, mask.past),
        mask.own === undefined ? ownScores : emitBinary('Add', ownScores, mask.own),
        sizes,
      );
      const mixed = emitBinary('Add', emitMatmul(past, inputs.pastValues[index] as Value), emitMatmul(own, ownValues)); // [R, kv, groups, headWidth]
      return emitReshape(mixed, [0, -1], ['R', heads * headWidth]);
    });
  });
  const hidden = emitBinary('Mul', norm(config, tensors, layout.finalNorm, x), inverseTemperature);
  return { logits: weights.product(hidden, layout.head), keys, values };
}

/** Makes queries and keys, [R, heads · headWidth], ready for their product. */
interface RowTransform {
  readonly queries: (x: Value, normName: string) => Value;
  readonly keys: (x: Value, normName: string) => Value;
}

/**
 * Queries and keys normed over each head and turned by their rows' positions, where the decoder does either; queries
 * also scaled by 1/√headWidth, which costs nothing within the turn. position int64 [R].
 */
function rowTransform(config: DecoderConfig, tensors: Tensors, position: Value): RowTransform {
  const { headWidth } = config;
  const g = position.graph;
  const scale = g.constant(1 / Math.sqrt(headWidth));
  const normed = (x: Value, name: string): Value => {
    if (!config.queryKeyNorm) return x;
    const perHead = emitReshape(x, [0, -1, headWidth], ['R', 'heads', headWidth]);
    return emitReshape(rmsNorm(perHead, tensors(`${name}.weight`), config.epsilon), [0, -1], x.dims);
  };
  if (config.positions.kind === 'learned') {
    return { queries: (x, name) => emitBinary('Mul', normed(x, name), scale), keys: normed };
  }
  const frequencies = g.constant(rotaryFrequencies(headWidth, config.positions));
  const angles = emitBinary('Mul', emitReshape(cast(position, g.float), [-1, 1], ['R', 1]), frequencies); // [R, headWidth / 2]
  const [cos, sin] = [emitUnary('Cos', angles), emitUnary('Sin', angles)];
  const [scaledCos, scaledSin] = [emitBinary('Mul', cos, scale), emitBinary('Mul', sin, scale)];
  return {
    queries: (x, name) => turnRows(normed(x, name), scaledCos, scaledSin),
    keys: (x, name) => turnRows(normed(x, name), cos, sin),
  };
}

/** Rotary embedding of one position a row: to the runtime's kernel the rows are one sequence. x [R, heads · headWidth], cos and sin [R, headWidth / 2]. */
function turnRows(x: Value, cos: Value, sin: Value): Value {
  const g = x.graph;
  const sequence = emitReshape(x, [1, -1, x.dims[1] as number], [1, ...x.dims]);
  const first = g.integers([0]); // the position of the first row
  return g.emit(
    'RotaryEmbedding',
    [sequence, first, cos, sin],
    { dtype: g.float, dims: [1, ...x.dims] },
    {},
    microsoftDomain,
  );
}

/** What is added to a step's scores: to those of past keys, and to those of the stretch's own where a window hides some. */
interface StepMask {
  readonly past: Value; // [R, 1, 1, S]
  readonly own: Value | undefined; // [t + 1]
}

/** A step's masks by window. */
function windowMasks(
  config: DecoderConfig,
  { pastPositions, pastMask, position, iteration }: StepInputs,
): (window: number | undefined) => StepMask {
  const g = iteration.graph;
  const at = emitReshape(position, [-1, 1, 1, 1], ['R', 1, 1, 1]);
  const made = new Map<number | undefined, StepMask>([[undefined, { past: pastMask, own: undefined }]]);
  for (const window of config.windows) {
    if (window === undefined || made.has(window)) continue;
    const one = g.integers([1], []);
    const offsets = g.emit('Range', [g.integers([0], []), emitBinary('Add', iteration, one), one], {
      dtype: 'int64',
      dims: ['t+1'],
    });
    made.set(window, {
      past: emitBinary('Add', pastMask, masking(beforeWindow(pastPositions, at, window))),
      own: masking(beforeWindow(offsets, iteration, window)),
    });
  }
  return (window) => made.get(window) as StepMask;
}

/** maskedScore where hidden, 0 elsewhere. */
export function masking(hidden: Value): Value {
  const g = hidden.graph;
  return g.emit('Where', [hidden, g.constant(maskedScore), g.constant(0)], { dtype: g.float, dims: hidden.dims });
}

/** One softmax over past and own scores, given back in its two parts. */
function splitSoftmax(past: Value, own: Value, sizes: Value): readonly [past: Value, own: Value] {
  const g = own.graph;
  const axis = { axis: { kind: 'int', value: -1 } } as const;
  const joined = g.emit('Concat', [past, own], { dtype: g.float, dims: [...past.dims.slice(0, -1), 'S+t'] }, axis);
  const parts = [past, own].map(({ dims }) => ({ dtype: g.float, dims }));
  return g.emitAll('Split', [softmax(joined), sizes], parts, axis) as readonly [Value, Value];
}

/** int64 [2]: past and own positions of a step. */
function splitSizes(pastMask: Value, iteration: Value): Value {
  const g = iteration.graph;
  const shape = pastMask.graph.emit('Shape', [pastMask], { dtype: 'int64', dims: [4] });
  const past = pastMask.graph.emit('Gather', [shape, g.integers([3])], { dtype: 'int64', dims: [1] });
  const own = emitReshape(emitBinary('Add', iteration, g.integers([1], [])), [1], [1]);
  return g.emit('Concat', [past, own], { dtype: 'int64', dims: [2] }, { axis: { kind: 'int', value: 0 } });
}

/** A cache and what comes after it, along the positions. */
function append(cache: Value, next: Value): Value {
  const g = next.graph;
  const dims: Dim[] = [...next.dims];
  dims[2] = 't+1';
  return g.emit('Concat', [cache, next], { dtype: g.float, dims }, { axis: { kind: 'int', value: 2 } });
}
