/** A decoder's tensors: their names on disk, their shapes, and the modules that make up a layer. */
import { at } from '@gapo/numeric';
import type { DecoderConfig, QueryKeyNorms, TensorNames } from './decoderConfig.js';

/** A tensor's name and shape. */
export interface TensorShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A weight of a decoder. `role` determines its initialization: residual outputs are smaller, gains neutral, biases 0. */
export interface DecoderTensor extends TensorShape {
  readonly role: 'weight' | 'residual' | 'gain' | 'bias';
}

/** A linear map, which LoRA can target. */
export interface LinearModule {
  /** For example model.layers.0.self_attn.q_proj. Its tensors are NAME.weight and, with a bias, NAME.bias. */
  readonly name: string;
  readonly into: number;
  readonly out: number;
  readonly bias: boolean;
  /** Whether the weight is stored [in, out], as Hugging Face's Conv1D does, instead of [out, in]. */
  readonly inOut: boolean;
}

/** One layer's modules. */
export interface LayerLayout {
  /** The prefix of its tensors' names, for example `model.layers.0.`. */
  readonly prefix: string;
  /** The norm of attention's input, if there is one. */
  readonly attentionNorm: string | undefined;
  /** Three modules, or one, whose concatenated outputs are queries, keys and values. */
  readonly queryKeyValue: readonly LinearModule[];
  /** The norms of queries and keys, if the decoder has them. */
  readonly queryKeyNorms: QueryKeyNorms | undefined;
  readonly attentionOutput: LinearModule;
  /** The norm of attention's output before it is added to the residual stream, if there is one. */
  readonly attentionOutputNorm: string | undefined;
  /** The norm of the feed-forward layer's input, if there is one. */
  readonly feedForwardNorm: string | undefined;
  /** Gate and up, one module with both outputs, or up alone. */
  readonly feedForwardIn: readonly LinearModule[];
  readonly feedForwardOut: LinearModule;
  /** The norm of the feed-forward layer's output before it is added to the residual stream, if there is one. */
  readonly feedForwardOutputNorm: string | undefined;
}

/** A decoder's modules. */
export interface DecoderLayout {
  /** The token embeddings' tensor, [vocabulary, width]. */
  readonly embedding: string;
  /** The position embeddings' tensor, [context, width], if positions are learned. */
  readonly positions: string | undefined;
  readonly layers: readonly LayerLayout[];
  readonly finalNorm: string;
  /** The output projection's tensor, [vocabulary, width]: the embeddings' if they are tied. */
  readonly head: string;
}

/** Returns a decoder's modules by their Hugging Face names. */
export function decoderLayout(config: DecoderConfig): DecoderLayout {
  const { width, feedForward, heads, keyValueHeads, headWidth, biases, names } = config;
  const embedding = names.trunk + names.embedding;
  const [queries, keys] = [heads * headWidth, keyValueHeads * headWidth];
  const outputs = names.queryKeyValue.length === 1 ? [queries + 2 * keys] : [queries, keys, keys];
  const inner = config.gated && names.feedForwardIn.length === 1 ? 2 * feedForward : feedForward;
  const layers = Array.from({ length: config.layers }, (_, layer): LayerLayout => {
    const prefix = `${names.trunk}${names.layers}.${layer}.`;
    const linear = (name: string, into: number, out: number, bias: boolean): LinearModule => ({
      name: prefix + name,
      into,
      out,
      bias,
      inOut: names.inOut,
    });
    const norm = (name: string | undefined): string | undefined => (name === undefined ? undefined : prefix + name);
    return {
      prefix,
      attentionNorm: norm(names.attentionNorm),
      queryKeyValue: names.queryKeyValue.map((name, index) =>
        linear(name, width, at(outputs, index), biases.queryKeyValue),
      ),
      queryKeyNorms: names.queryKeyNorms && {
        queries: prefix + names.queryKeyNorms.queries,
        keys: prefix + names.queryKeyNorms.keys,
      },
      attentionOutput: linear(names.attentionOutput, heads * headWidth, width, biases.attentionOutput),
      attentionOutputNorm: norm(names.attentionOutputNorm),
      feedForwardNorm: norm(names.feedForwardNorm),
      feedForwardIn: names.feedForwardIn.map((name) => linear(name, width, inner, biases.feedForward)),
      feedForwardOut: linear(names.feedForwardOut, feedForward, width, biases.feedForward),
      feedForwardOutputNorm: norm(names.feedForwardOutputNorm),
    };
  });
  return {
    embedding,
    positions: names.positions === undefined ? undefined : names.trunk + names.positions,
    layers,
    finalNorm: names.trunk + names.finalNorm,
    head: config.tiedEmbeddings ? embedding : names.head,
  };
}

/** Returns the weight value for which a norm's gain is 1. */
export function neutralGain({ norm }: DecoderConfig): number {
  return norm === 'zeroCentredRms' ? 0 : 1;
}

/** Lists a layer's linear maps, in order. */
export function linearModules(layer: LayerLayout): readonly LinearModule[] {
  return [...layer.queryKeyValue, layer.attentionOutput, ...layer.feedForwardIn, layer.feedForwardOut];
}

/** Returns the last part of a module's name, which LoRA uses to target it. */
export function targetName(module: string): string {
  return module.slice(module.lastIndexOf('.') + 1);
}

/** Lists the names of a layer's linear maps, in order. */
export function linearNames(names: TensorNames): readonly string[] {
  return [...names.queryKeyValue, names.attentionOutput, ...names.feedForwardIn, names.feedForwardOut];
}

/** Lists every weight of the decoder by its Hugging Face name, in a fixed order. */
export function decoderTensors(config: DecoderConfig): readonly DecoderTensor[] {
  const { width, vocabulary, context, heads, keyValueHeads, headWidth, queryKeyNormOver = 'head' } = config;
  const layout = decoderLayout(config);
  const norm = (name: string, extent: number): readonly DecoderTensor[] => [
    { name: `${name}.weight`, shape: [extent], role: 'gain' },
    ...(config.norm === 'layer' ? [{ name: `${name}.bias`, shape: [extent], role: 'bias' } as const] : []),
  ];
  const linear = ({ name, into, out, bias, inOut }: LinearModule, role: DecoderTensor['role']): DecoderTensor[] => [
    { name: `${name}.weight`, shape: inOut ? [into, out] : [out, into], role },
    ...(bias ? [{ name: `${name}.bias`, shape: [out], role: 'bias' } as const] : []),
  ];
  const tensors: DecoderTensor[] = [{ name: layout.embedding, shape: [vocabulary, width], role: 'weight' }];
  if (layout.positions !== undefined) {
    tensors.push({ name: layout.positions, shape: [context, width], role: 'weight' });
  }
  for (const layer of layout.layers) {
    const { attentionNorm, attentionOutputNorm, feedForwardNorm, feedForwardOutputNorm, queryKeyNorms } = layer;
    for (const name of [attentionNorm, attentionOutputNorm, feedForwardNorm, feedForwardOutputNorm]) {
      if (name !== undefined) tensors.push(...norm(name, width));
    }
    if (queryKeyNorms !== undefined) {
      const extents = queryKeyNormOver === 'head' ? [1, 1] : [heads, keyValueHeads];
      tensors.push(...norm(queryKeyNorms.queries, at(extents, 0) * headWidth));
      tensors.push(...norm(queryKeyNorms.keys, at(extents, 1) * headWidth));
    }
    for (const module of linearModules(layer)) {
      const residual = module === layer.attentionOutput || module === layer.feedForwardOut;
      tensors.push(...linear(module, residual ? 'residual' : 'weight'));
    }
  }
  tensors.push(...norm(layout.finalNorm, width));
  if (!config.tiedEmbeddings) tensors.push({ name: layout.head, shape: [vocabulary, width], role: 'weight' });
  return tensors;
}
