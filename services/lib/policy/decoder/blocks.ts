/**
 * The blocks of a decoder: embeddings, norms, attention's output, the feed-forward layer, the output projection. The full-sequence graph and
 * the sampling step are built from the same blocks. They differ only in attention, which is the caller's `attend`.
 */
import {
  type Value,
  add,
  embedding,
  gelu,
  geluTanh,
  layerNorm,
  mul,
  relu,
  rmsNorm,
  scale,
  silu,
  softCap,
  splitLast,
} from '@gapo/graph';
import type { DecoderConfig, DecoderLayout, LayerLayout } from '@gapo/model';
import { at, required } from '@gapo/numeric';
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
  zeroCentredRms: (x, tensors, name, epsilon) => rmsNorm(x, tensors(`${name}.weight`), epsilon, 1),
  layer: (x, tensors, name, epsilon) => layerNorm(x, tensors(`${name}.weight`), tensors(`${name}.bias`), epsilon),
};

const activations: Readonly<Record<DecoderConfig['activation'], (x: Value) => Value>> = { silu, gelu, geluTanh, relu };

/** The decoder's norm over the last axis, by the name of its module: x itself without one. */
export function norm({ config, tensors }: Decoder, name: string | undefined, x: Value): Value {
  return name === undefined ? x : norms[config.norm](x, tensors, name, config.epsilon);
}

/** Multiplies x by a factor, unless it is 1. */
export function scaled(x: Value, factor = 1): Value {
  return factor === 1 ? x : scale(x, factor);
}

/** The first layer's input: token embeddings, plus position embeddings if they are learned. ids, positions int64 [...] → [..., width]. */
export function embed({ config, layout, tensors }: Decoder, ids: Value, positions: Value): Value {
  const x = scaled(embedding(tensors(layout.embedding), ids), config.embeddingScale);
  return layout.positions === undefined ? x : add(x, embedding(tensors(layout.positions), positions));
}

/**
 * One layer. x [..., width].
 *
 * @param attend maps the normed input to the attention's output before its projection, [..., heads · headWidth]
 * @param kept selects the rows for which the rest of the layer is computed. @default all of them
 */
export function decoderLayer(
  decoder: Decoder,
  layer: LayerLayout,
  x: Value,
  attend: (normed: Value) => Value,
  kept: (x: Value) => Value = (x) => x,
): Value {
  const { config, project } = decoder;
  /** The residual stream with a branch added to it. */
  const added = (stream: Value, branch: Value, outputNorm: string | undefined): Value =>
    add(stream, scaled(norm(decoder, outputNorm, branch), config.residualScale));
  const attended = attend(norm(decoder, layer.attentionNorm, x));
  const mixed = at(project(kept(attended), [layer.attentionOutput]), 0);
  const afterAttention = added(kept(x), mixed, layer.attentionOutputNorm);
  const inner = feedForwardInner(decoder, layer, norm(decoder, layer.feedForwardNorm, afterAttention));
  const down = at(project(inner, [layer.feedForwardOut]), 0);
  return added(afterAttention, down, layer.feedForwardOutputNorm);
}

/** Between the feed-forward layer's inner and outer maps: [..., width] → [..., feedForward]. */
function feedForwardInner({ config, project }: Decoder, { feedForwardIn }: LayerLayout, x: Value): Value {
  const activation = activations[config.activation];
  const outputs = project(x, feedForwardIn);
  if (!config.gated) return activation(at(outputs, 0));
  const { feedForward } = config;
  const [gate, up] = outputs.length === 1 ? splitLast(at(outputs, 0), [feedForward, feedForward]) : outputs;
  return mul(activation(required(gate, 'the gate')), required(up, 'the inner map'));
}

/**
 * Logits over the vocabulary, divided by the temperature. hidden [..., width] → [..., V].
 *
 * @param product multiplies by the output projection, [..., width] → [..., V]
 */
export function outputLogits(
  { logitScale, logitCap }: DecoderConfig,
  hidden: Value,
  inverseTemperature: Value,
  product: (x: Value) => Value,
): Value {
  // Linear factors are applied to the hidden state, which is narrower than the logits.
  const x = scaled(hidden, logitScale);
  if (logitCap === undefined) return product(mul(x, inverseTemperature));
  return mul(softCap(product(x), logitCap), inverseTemperature);
}
