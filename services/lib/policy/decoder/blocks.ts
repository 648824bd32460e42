/**
 * The blocks of a decoder: embeddings, norms, attention's output, the feed-forward layer. The full-sequence graph and the
 * sampling step are built from the same blocks. Only how they attend differs, which is the caller's `attend`.
 */
import { type Value, add, embedding, geluTanh, layerNorm, mul, rmsNorm, silu } from '@gapo/graph';
import type { DecoderConfig, DecoderLayout, LayerLayout } from '@gapo/model';
import { at } from '@gapo/numeric';
import type { Projection } from './linearMaps.js';
import type { Tensors } from './tensorSource.js';

/** A decoder in a graph: what it is, and where its weights come from. */
export interface Decoder {
  readonly config: DecoderConfig;
  readonly layout: DecoderLayout;
  readonly tensors: Tensors;
  readonly project: Projection;
}

/** A norm over the last axis; `name` is its module's. */
type Norm = (x: Value, tensors: Tensors, name: string, epsilon: number) => Value;

const norms: Readonly<Record<DecoderConfig['norm'], Norm>> = {
  rms: (x, tensors, name, epsilon) => rmsNorm(x, tensors(`${name}.weight`), epsilon),
  layer: (x, tensors, name, epsilon) => layerNorm(x, tensors(`${name}.weight`), tensors(`${name}.bias`), epsilon),
};

/** Between the feed-forward layer's inner and outer maps: [..., feedForward] each → [..., feedForward]. */
const activations: Readonly<Record<DecoderConfig['activation'], (inner: readonly Value[]) => Value>> = {
  swiglu: (inner) => mul(silu(at(inner, 0)), at(inner, 1)), // gate, up
  gelu: (inner) => geluTanh(at(inner, 0)),
};

/** The decoder's norm over the last axis, by the name of its module. */
export function norm({ config, tensors }: Decoder, name: string, x: Value): Value {
  return norms[config.norm](x, tensors, name, config.epsilon);
}

/** The first layer's input: token embeddings, plus position embeddings where they are learned. ids, positions int64 [...] → [..., width]. */
export function embed({ layout, tensors }: Decoder, ids: Value, positions: Value): Value {
  const x = embedding(tensors(layout.embedding), ids);
  return layout.positions === undefined ? x : add(x, embedding(tensors(layout.positions), positions));
}

/**
 * One layer. x [..., width].
 *
 * @param attend maps the normed input to the attention's output before its projection, [..., heads · headWidth]
 * @param kept picks the rows that the rest of the layer computes. @default all of them
 */
export function decoderLayer(
  decoder: Decoder,
  layer: LayerLayout,
  x: Value,
  attend: (normed: Value) => Value,
  kept: (x: Value) => Value = (x) => x,
): Value {
  const { config, project } = decoder;
  const attended = attend(norm(decoder, layer.attentionNorm, x));
  const mixed = project(kept(attended), [layer.attentionOutput]);
  const afterAttention = add(kept(x), at(mixed, 0));
  const inner = project(norm(decoder, layer.feedForwardNorm, afterAttention), layer.feedForwardIn);
  const down = project(activations[config.activation](inner), [layer.feedForwardOut]);
  return add(afterAttention, at(down, 0));
}
