/** One decoding step of every row: attention over a past that is read in place, and over the stretch's own positions. */
import {
  type Value,
  emitBinary,
  emitConcat,
  emitExtent,
  emitMatmul,
  emitReshape,
  emitSoftmax,
  softCap,
} from '@gapo/graph';
import type { DecoderConfig } from '@gapo/model';
import { at, required } from '@gapo/numeric';
import { decoderLayer, embed, norm, outputLogits } from '../decoder/blocks.js';
import { attentionOperands, headTransforms } from '../decoder/heads.js';
import { beforeWindow, masking } from '../decoder/masks.js';
import type { StepWeights } from './weights.js';

/** The inputs of a step. */
export interface StepInputs {
  /** int64 [R]: the last token of each row. */
  readonly token: Value;
  /** int64 [R]: its position. */
  readonly position: Value;
  /** int64 [R, 1]: 0, 1, …, R − 1. */
  readonly rowNumbers: Value;
  /** int64 scalar: the number of steps of the stretch before this one. */
  readonly iteration: Value;
  /** For each layer, [R, keyValueHeads, S, headWidth]: the cache before the stretch. */
  readonly pastKeys: readonly Value[];
  readonly pastValues: readonly Value[];
  /** int64 [R, 1, 1, S]: the position of each past key. */
  readonly pastPositions: Value;
  /** [R, 1, 1, S]: the mask of padding in the past. */
  readonly pastMask: Value;
  /** For each layer, [R, keyValueHeads, t, headWidth]: what the stretch has added so far. */
  readonly keys: readonly Value[];
  readonly values: readonly Value[];
}

/** The outputs of a step. */
export interface StepOutputs {
  /** [R, V], of the next token. */
  readonly logits: Value;
  /** The inputs' keys and values, grown by one position. */
  readonly keys: readonly Value[];
  readonly values: readonly Value[];
}

/** Builds the step: a batch of R sequences of one position each. Divides the logits by the temperature: `inverseTemperature` is a scalar. */
export function decodeStep(weights: StepWeights, inputs: StepInputs, inverseTemperature: Value): StepOutputs {
  const { config, layout } = weights;
  const { heads, headWidth } = config;
  const { token, position, rowNumbers } = inputs;
  const transforms = headTransforms(weights, position, { rows: rowNumbers, scaleQueries: true });
  const capped = (scores: Value): Value => (config.scoreCap === undefined ? scores : softCap(scores, config.scoreCap));
  const split = (x: Value, count: number): Value =>
    emitReshape(x, [-1, count, 1, headWidth], ['R', count, 1, headWidth]);
  const masks = windowMasks(config, inputs);
  const sizes = splitSizes(inputs.pastMask, inputs.iteration);
  const keys: Value[] = [];
  const values: Value[] = [];
  let x = embed(weights, token, position); // [R, width]
  layout.layers.forEach((layer, index) => {
    const attends = at(config.attention, index);
    const transform = transforms(attends);
    const mask = masks(attends.window);
    x = decoderLayer(weights, layer, x, (normed) => {
      const { queries, ...next } = attentionOperands(weights, layer, normed, transform, split); // [R, kv, G, headWidth]
      const ownKeys = append(at(inputs.keys, index), next.keys); // [R, kv, t + 1, headWidth]
      const ownValues = append(at(inputs.values, index), next.values);
      keys.push(ownKeys);
      values.push(ownValues);
      // Two products, not one over the joined keys: joining would copy the whole past in every step.
      const pastScores = capped(emitMatmul(queries, at(inputs.pastKeys, index), { transB: true })); // [R, kv, G, S]
      const ownScores = capped(emitMatmul(queries, ownKeys, { transB: true })); // [R, kv, G, t + 1]
      const [past, own] = splitSoftmax(
        emitBinary('Add', pastScores, mask.past),
        mask.own === undefined ? ownScores : emitBinary('Add', ownScores, mask.own),
        sizes,
      );
      const mixed = emitBinary('Add', emitMatmul(past, at(inputs.pastValues, index)), emitMatmul(own, ownValues)); // [R, kv, G, headWidth]
      return emitReshape(mixed, [0, -1], ['R', heads * headWidth]);
    });
  });
  const hidden = norm(weights, layout.finalNorm, x); // [R, width]
  const logits = outputLogits(config, hidden, inverseTemperature, (rows) => weights.product(rows, layout.head));
  return { logits, keys, values };
}

/** The masks of a step's scores: of past keys, and of the stretch's own keys if a window hides some. */
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
  const current = emitReshape(position, [-1, 1, 1, 1], ['R', 1, 1, 1]);
  const made = new Map<number | undefined, StepMask>([[undefined, { past: pastMask, own: undefined }]]);
  for (const { window } of config.attention) {
    if (window === undefined || made.has(window)) continue;
    const one = g.integers([1], []);
    const offsets = g.emit('Range', [g.integers([0], []), emitBinary('Add', iteration, one), one], {
      dtype: 'int64',
      dims: ['t+1'],
    });
    made.set(window, {
      past: emitBinary('Add', pastMask, masking(beforeWindow(pastPositions, current, window))),
      own: masking(beforeWindow(offsets, iteration, window)),
    });
  }
  return (window) => required(made.get(window), `the mask of window ${window}`);
}

/** One softmax over past and own scores, returned in its two parts. */
function splitSoftmax(past: Value, own: Value, sizes: Value): readonly [past: Value, own: Value] {
  const g = own.graph;
  const axis = { axis: { kind: 'int', value: -1 } } as const;
  const joined = g.emit('Concat', [past, own], { dtype: g.float, dims: [...past.dims.slice(0, -1), 'S+t'] }, axis);
  const parts = [past, own].map(({ dims }) => ({ dtype: g.float, dims }));
  return g.emitAll('Split', [emitSoftmax(joined), sizes], parts, axis) as readonly [Value, Value];
}

/** int64 [2]: past and own positions of a step. */
function splitSizes(pastMask: Value, iteration: Value): Value {
  const g = iteration.graph;
  const own = emitReshape(emitBinary('Add', iteration, g.integers([1], [])), [1], [1]);
  return emitConcat([emitExtent(pastMask, 3), own], 0, 2);
}

/** Appends to a cache, along the positions. */
function append(cache: Value, next: Value): Value {
  return emitConcat([cache, next], 2, 't+1');
}
