/**
 * Decoders from Hugging Face's config.json: Llama 2 and 3, Mistral, Qwen2, Qwen3, GPT-2. What would change the
 * arithmetic and is not implemented is refused by its key; keys that say nothing about it are not looked at.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { DecoderConfig, LlamaShape, RotaryPositions, RotaryScaling } from './decoderConfig.js';
import { ModelError } from './errors.js';
import { readJson } from './jsonFile.js';

const expecting = (what: string) => ({
  error: ({ input }: { input?: unknown }) =>
    input === undefined ? `is missing; it must be ${what}` : `must be ${what}`,
});
const whole = expecting('a whole number above 0');
const extent = z.int(whole).positive(whole);
const positive = z.number(expecting('a number above 0')).positive(expecting('a number above 0'));
const flag = z.boolean({ error: 'must be true or false' });
const tokenId = z.int().nonnegative();
const tokenIds = z.union([tokenId, z.array(tokenId)], { error: 'must be a token id or a list of them' }).nullish();
const refusedUnless = <T extends boolean | number>(value: T) =>
  z.literal(value, { error: `must be ${value}: nothing else is supported` }).nullish();

const scalingSchema = z.object({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: positive.optional(),
  factor: positive.optional(),
  low_freq_factor: positive.optional(),
  high_freq_factor: positive.optional(),
  original_max_position_embeddings: extent.optional(),
});

const llamaFields = {
  hidden_act: z.enum(['silu', 'swish'], { error: "must be 'silu'" }).optional(),
  vocab_size: extent,
  hidden_size: extent,
  intermediate_size: extent,
  num_hidden_layers: extent,
  num_attention_heads: extent,
  num_key_value_heads: extent,
  head_dim: extent.nullish(),
  max_position_embeddings: extent,
  rms_norm_eps: positive,
  rope_theta: positive.optional(),
  rope_scaling: scalingSchema.nullish(),
  rope_parameters: scalingSchema.nullish(),
  partial_rotary_factor: refusedUnless(1),
  tie_word_embeddings: flag.optional(),
  eos_token_id: tokenIds,
};

const slidingFields = {
  use_sliding_window: flag.optional(),
  sliding_window: extent.nullish(),
  max_window_layers: z.int().nonnegative().optional(),
  layer_types: z
    .array(
      z.enum(['full_attention', 'sliding_attention'], { error: "must be 'full_attention' or 'sliding_attention'" }),
    )
    .nullish(),
};

const configSchema = z.discriminatedUnion(
  'model_type',
  [
    z.object({
      model_type: z.literal('llama'),
      ...llamaFields,
      num_key_value_heads: extent.nullish(),
      attention_bias: flag.optional(),
      mlp_bias: flag.optional(),
    }),
    z.object({ model_type: z.literal('mistral'), ...llamaFields, sliding_window: extent.nullish() }),
    z.object({ model_type: z.literal('qwen2'), ...llamaFields, ...slidingFields }),
    z.object({
      model_type: z.literal('qwen3'),
      ...llamaFields,
      ...slidingFields,
      head_dim: extent,
      attention_bias: flag.optional(),
    }),
    z.object({
      model_type: z.literal('gpt2'),
      activation_function: z.enum(['gelu_new', 'gelu_pytorch_tanh'], { error: "must be 'gelu_new'" }).optional(),
      vocab_size: extent,
      n_embd: extent,
      n_inner: extent.nullish(),
      n_layer: extent,
      n_head: extent,
      n_positions: extent,
      layer_norm_epsilon: positive,
      scale_attn_weights: refusedUnless(true),
      scale_attn_by_inverse_layer_idx: refusedUnless(false),
      add_cross_attention: refusedUnless(false),
      tie_word_embeddings: flag.optional(),
      eos_token_id: tokenIds,
    }),
  ],
  { error: "must be 'llama', 'mistral', 'qwen2', 'qwen3' or 'gpt2': other architectures are not supported" },
);

type HuggingFaceConfig = z.output<typeof configSchema>;
type Gpt2 = Extract<HuggingFaceConfig, { model_type: 'gpt2' }>;
type LlamaLike = Exclude<HuggingFaceConfig, Gpt2>;

const generationSchema = z.object({ eos_token_id: tokenIds });

/** Reads and validates DIR/config.json and, for what ends a completion, DIR/generation_config.json. Throws ModelError with every problem. */
export async function readDecoderConfig(directory: string): Promise<DecoderConfig> {
  const path = join(directory, 'config.json');
  const parsed = configSchema.safeParse(await readJson(path));
  if (!parsed.success) throw new ModelError(path, problemsOf(parsed.error));
  const found = parsed.data;
  const eosIds = [...new Set([...listed(found.eos_token_id), ...(await generationEosIds(directory))])];
  if (eosIds.length === 0) throw new ModelError(path, 'eos_token_id is neither here nor in generation_config.json');
  const problems: string[] = [];
  const described = found.model_type === 'gpt2' ? gpt2(found, eosIds) : llamaLike(found, eosIds, problems);
  const { vocabulary, heads, keyValueHeads, headWidth } = described;
  if (heads % keyValueHeads !== 0) {
    problems.push(`num_attention_heads ${heads} is not a multiple of num_key_value_heads ${keyValueHeads}`);
  }
  if (!Number.isInteger(headWidth)) {
    problems.push(`the width ${described.width} is not a multiple of the ${heads} attention heads`);
  } else if (described.positions.kind === 'rotary' && headWidth % 2 !== 0) {
    problems.push(`a head has ${headWidth} channels; rotary embeddings need an even number`);
  }
  const beyond = eosIds.find((id) => id >= vocabulary);
  if (beyond !== undefined) problems.push(`eos_token_id ${beyond} is not below vocab_size ${vocabulary}`);
  if (problems.length > 0) throw new ModelError(path, problems.join('; '));
  return described;
}

function gpt2(c: Gpt2, eosIds: readonly number[]): DecoderConfig {
  return {
    vocabulary: c.vocab_size,
    width: c.n_embd,
    feedForward: c.n_inner ?? 4 * c.n_embd,
    layers: c.n_layer,
    heads: c.n_head,
    keyValueHeads: c.n_head,
    headWidth: c.n_embd / c.n_head,
    context: c.n_positions,
    norm: 'layer',
    epsilon: c.layer_norm_epsilon,
    queryKeyNorm: false,
    positions: { kind: 'learned' },
    windows: new Array<undefined>(c.n_layer).fill(undefined),
    biases: { queryKeyValue: true, attentionOutput: true, feedForward: true },
    activation: 'gelu',
    naming: 'gpt2',
    tiedEmbeddings: c.tie_word_embeddings ?? true,
    eosIds,
  };
}

function llamaLike(c: LlamaLike, eosIds: readonly number[], problems: string[]): DecoderConfig {
  const attentionBias = 'attention_bias' in c && c.attention_bias === true;
  return {
    vocabulary: c.vocab_size,
    width: c.hidden_size,
    feedForward: c.intermediate_size,
    layers: c.num_hidden_layers,
    heads: c.num_attention_heads,
    keyValueHeads: c.num_key_value_heads ?? c.num_attention_heads,
    headWidth: c.head_dim ?? c.hidden_size / c.num_attention_heads,
    context: c.max_position_embeddings,
    norm: 'rms',
    epsilon: c.rms_norm_eps,
    queryKeyNorm: c.model_type === 'qwen3',
    positions: rotaryPositions(c, problems),
    windows: windows(c, problems),
    biases: {
      queryKeyValue: attentionBias || c.model_type === 'qwen2',
      attentionOutput: attentionBias,
      feedForward: 'mlp_bias' in c && c.mlp_bias === true,
    },
    activation: 'swiglu',
    naming: 'llama',
    tiedEmbeddings: c.tie_word_embeddings ?? false,
    eosIds,
  };
}

function rotaryPositions(c: LlamaLike, problems: string[]): RotaryPositions {
  const theta = c.rope_parameters?.rope_theta ?? c.rope_theta ?? 10000;
  const key = c.rope_parameters ? 'rope_parameters' : 'rope_scaling';
  const scaling = rotaryScaling(key, c[key] ?? {}, problems);
  return { kind: 'rotary', theta, ...(scaling && { scaling }) };
}

function rotaryScaling(key: string, s: z.output<typeof scalingSchema>, problems: string[]): RotaryScaling | undefined {
  const kind = s.rope_type ?? s.type ?? 'default';
  const { factor, low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: context } = s;
  switch (kind) {
    case 'default':
      return undefined;
    case 'linear':
      if (factor !== undefined) return { kind, factor };
      problems.push(`${key} 'linear' needs factor`);
      return undefined;
    case 'llama3':
      if (factor !== undefined && low !== undefined && high !== undefined && context !== undefined && low < high) {
        return { kind, factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext: context };
      }
      problems.push(
        `${key} 'llama3' needs factor, low_freq_factor below high_freq_factor, and original_max_position_embeddings`,
      );
      return undefined;
    default:
      problems.push(`${key} '${kind}' is not supported; 'linear' and 'llama3' are`);
      return undefined;
  }
}

/** Mistral's window is every layer's. Qwen's is on where use_sliding_window says so, in the layers from max_window_layers on. */
function windows(c: LlamaLike, problems: string[]): readonly (number | undefined)[] {
  const layers = Array.from({ length: c.num_hidden_layers }, (_, layer) => layer);
  switch (c.model_type) {
    case 'llama':
      return layers.map(() => undefined);
    case 'mistral':
      return layers.map(() => c.sliding_window ?? undefined);
    case 'qwen2':
    case 'qwen3': {
      if (c.use_sliding_window !== true) return layers.map(() => undefined);
      const window = c.sliding_window ?? undefined;
      if (window === undefined) problems.push('use_sliding_window needs sliding_window');
      const types = c.layer_types;
      if (types && types.length !== layers.length) {
        problems.push(`layer_types has ${types.length} entries for num_hidden_layers ${layers.length}`);
      }
      if (!types && c.max_window_layers === undefined) {
        problems.push('use_sliding_window needs layer_types or max_window_layers');
      }
      const slides = (layer: number): boolean =>
        types ? types[layer] === 'sliding_attention' : layer >= (c.max_window_layers ?? 0);
      return layers.map((layer) => (slides(layer) ? window : undefined));
    }
  }
}

async function generationEosIds(directory: string): Promise<readonly number[]> {
  const path = join(directory, 'generation_config.json');
  if ((await stat(path).catch(() => undefined)) === undefined) return [];
  const parsed = generationSchema.safeParse(await readJson(path));
  if (!parsed.success) throw new ModelError(path, problemsOf(parsed.error));
  return listed(parsed.data.eos_token_id);
}

function listed(ids: number | readonly number[] | null | undefined): readonly number[] {
  return typeof ids === 'number' ? [ids] : (ids ?? []);
}

function problemsOf(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || 'the file'} ${issue.message}`).join('; ');
}

/** The config.json of a model of Llama's architecture that was made here. */
export function toHuggingFaceConfig(shape: LlamaShape, architecture: string): Readonly<Record<string, unknown>> {
  return {
    architectures: [architecture],
    model_type: 'llama',
    hidden_act: 'silu',
    vocab_size: shape.vocabulary,
    hidden_size: shape.width,
    intermediate_size: shape.feedForward,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.keyValueHeads,
    head_dim: shape.headWidth,
    max_position_embeddings: shape.context,
    rms_norm_eps: shape.epsilon,
    rope_theta: shape.ropeTheta,
    tie_word_embeddings: shape.tiedEmbeddings,
    bos_token_id: shape.bosId,
    eos_token_id: shape.eosIds.length === 1 ? shape.eosIds[0] : shape.eosIds,
    torch_dtype: 'float32',
  };
}
