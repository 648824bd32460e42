/** Where a decoder's tensors are: their names on disk, their shapes, and which modules make up a layer. */
import type { DecoderConfig, Naming } from './decoderConfig.js';

/** A tensor's name and shape. */
export interface TensorShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A weight of a decoder. `role` says how it starts: residual outputs are smaller, gains 1, biases 0. */
export interface DecoderTensor extends TensorShape {
  readonly role: 'weight' | 'residual' | 'gain' | 'bias';
}

/** A linear map: what LoRA can target. */
export interface LinearModule {
  /** As model.layers.0.self_attn.q_proj; its tensors are NAME.weight and, with a bias, NAME.bias. */
  readonly name: string;
  readonly into: number;
  readonly out: number;
  readonly bias: boolean;
  /** Whether the weight is stored [in, out], as Hugging Face's Conv1D does, and not [out, in]. */
  readonly inOut: boolean;
}

/** One layer's modules. */
export interface LayerLayout {
  /** The norm before attention. */
  readonly attentionNorm: string;
  /** Their outputs side by side are queries, keys and values: three modules, or one. */
  readonly queryKeyValue: readonly LinearModule[];
  /** The norms over each head of queries and of keys, where the decoder has them. */
  readonly queryNorm: string;
  readonly keyNorm: string;
  readonly attentionOutput: LinearModule;
  /** The norm before the feed-forward layer. */
  readonly feedForwardNorm: string;
  /** Gate and up, or up alone. */
  readonly feedForwardIn: readonly LinearModule[];
  readonly feedForwardOut: LinearModule;
}

/** A decoder's modules. */
export interface DecoderLayout {
  /** The token embeddings' tensor, [vocabulary, width]. */
  readonly embedding: string;
  /** The position embeddings' tensor, [context, width], where positions are learned. */
  readonly positions: string;
  readonly layers: readonly LayerLayout[];
  readonly finalNorm: string;
  /** The output projection's tensor, [vocabulary, width]: the embeddings' where they are tied. */
  readonly head: string;
}

interface Names {
  /** What every name but the head's begins with; files of the bare trunk leave it out. */
  readonly trunk: string;
  readonly embedding: string;
  readonly positions: string;
  readonly layers: string;
  readonly attentionNorm: string;
  readonly queryKeyValue: readonly string[];
  readonly queryNorm: string;
  readonly keyNorm: string;
  readonly attentionOutput: string;
  readonly feedForwardNorm: string;
  readonly feedForwardIn: readonly string[];
  readonly feedForwardOut: string;
  readonly finalNorm: string;
  readonly inOut: boolean;
  /** Tensors that files may hold and that follow from the configuration. */
  readonly buffers: RegExp;
}

const headName = 'lm_head.weight';

const namings: Readonly<Record<Naming, Names>> = {
  llama: {
    trunk: 'model.',
    embedding: 'embed_tokens.weight',
    positions: 'embed_positions.weight',
    layers: 'layers',
    attentionNorm: 'input_layernorm',
    queryKeyValue: ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'],
    queryNorm: 'self_attn.q_norm',
    keyNorm: 'self_attn.k_norm',
    attentionOutput: 'self_attn.o_proj',
    feedForwardNorm: 'post_attention_layernorm',
    feedForwardIn: ['mlp.gate_proj', 'mlp.up_proj'],
    feedForwardOut: 'mlp.down_proj',
    finalNorm: 'norm',
    inOut: false,
    buffers: /\.rotary_emb\.inv_freq$/,
  },
  gpt2: {
    trunk: 'transformer.',
    embedding: 'wte.weight',
    positions: 'wpe.weight',
    layers: 'h',
    attentionNorm: 'ln_1',
    queryKeyValue: ['attn.c_attn'],
    queryNorm: 'attn.q_norm',
    keyNorm: 'attn.k_norm',
    attentionOutput: 'attn.c_proj',
    feedForwardNorm: 'ln_2',
    feedForwardIn: ['mlp.c_fc'],
    feedForwardOut: 'mlp.c_proj',
    finalNorm: 'ln_f',
    inOut: true,
    buffers: /\.attn\.(bias|masked_bias)$/,
  },
};

/** A decoder's modules by their Hugging Face names. */
export function decoderLayout(config: DecoderConfig): DecoderLayout {
  const names = namings[config.naming];
  const { width, feedForward, heads, keyValueHeads, headWidth, biases } = config;
  const embedding = names.trunk + names.embedding;
  const parts = [heads * headWidth, keyValueHeads * headWidth, keyValueHeads * headWidth];
  const total = parts.reduce((sum, part) => sum + part, 0);
  const layers = Array.from({ length: config.layers }, (_, layer): LayerLayout => {
    const prefix = `${names.trunk}${names.layers}.${layer}.`;
    const linear = (name: string, into: number, out: number, bias: boolean): LinearModule => ({
      name: prefix + name,
      into,
      out,
      bias,
      inOut: names.inOut,
    });
    return {
      attentionNorm: prefix + names.attentionNorm,
      queryKeyValue: names.queryKeyValue.map((name, index, { length }) =>
        linear(name, width, length === 1 ? total : (parts[index] as number), biases.queryKeyValue),
      ),
      queryNorm: prefix + names.queryNorm,
      keyNorm: prefix + names.keyNorm,
      attentionOutput: linear(names.attentionOutput, heads * headWidth, width, biases.attentionOutput),
      feedForwardNorm: prefix + names.feedForwardNorm,
      feedForwardIn: names.feedForwardIn.map((name) => linear(name, width, feedForward, biases.feedForward)),
      feedForwardOut: linear(names.feedForwardOut, feedForward, width, biases.feedForward),
    };
  });
  return {
    embedding,
    positions: names.trunk + names.positions,
    layers,
    finalNorm: names.trunk + names.finalNorm,
    head: config.tiedEmbeddings ? embedding : headName,
  };
}

/** A layer's linear maps, in order. */
export function linearModules(layer: LayerLayout): readonly LinearModule[] {
  return [...layer.queryKeyValue, layer.attentionOutput, ...layer.feedForwardIn, layer.feedForwardOut];
}

/** The last part of a module's name, by which LoRA targets it. */
export function targetName(module: string): string {
  return module.slice(module.lastIndexOf('.') + 1);
}

/** Every name by which LoRA can target a linear map of some decoder. */
export const loraTargets: readonly string[] = [
  ...new Set(
    Object.values(namings).flatMap(({ queryKeyValue, attentionOutput, feedForwardIn, feedForwardOut }) =>
      [...queryKeyValue, attentionOutput, ...feedForwardIn, feedForwardOut].map(targetName),
    ),
  ),
];

/** Every weight of the decoder by its Hugging Face name, in a fixed order. */
export function decoderTensors(config: DecoderConfig): readonly DecoderTensor[] {
  const { width, vocabulary, context, headWidth } = config;
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
  if (config.positions.kind === 'learned') {
    tensors.push({ name: layout.positions, shape: [context, width], role: 'weight' });
  }
  for (const layer of layout.layers) {
    tensors.push(...norm(layer.attentionNorm, width), ...norm(layer.feedForwardNorm, width));
    if (config.queryKeyNorm) {
      for (const name of [layer.queryNorm, layer.keyNorm]) {
        tensors.push({ name: `${name}.weight`, shape: [headWidth], role: 'gain' });
      }
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

/**
 * The tensors of a model's files that a decoder takes, from their names there to its own. Left out are buffers that
 * follow from the configuration and an output projection that is the embedding table. Files of the bare trunk, without
 * a head, name its tensors without the trunk's prefix.
 */
export function tensorNames(config: DecoderConfig, onDisk: readonly string[]): ReadonlyMap<string, string> {
  const { trunk, buffers } = namings[config.naming];
  const bare = !onDisk.some((name) => name.startsWith(trunk));
  return new Map(
    onDisk
      .filter((name) => !buffers.test(name) && !(name === headName && config.tiedEmbeddings))
      .map((name) => [name, bare && name !== headName ? trunk + name : name]),
  );
}
