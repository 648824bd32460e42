/** A decoder's shape, from a Hugging Face config.json. */
import { join } from 'node:path';
import { z } from 'zod';
import { ModelError } from './errors.js';
import { readBytes } from './safetensors.js';

/** The shape of a Llama-shaped decoder. */
export interface DecoderConfig {
  readonly vocabulary: number;
  /** Width of the residual stream. */
  readonly width: number;
  /** Width within the feed-forward layer. */
  readonly feedForward: number;
  readonly layers: number;
  /** Query heads. */
  readonly heads: number;
  /** Key and value heads; each serves heads / keyValueHeads query heads. */
  readonly keyValueHeads: number;
  readonly headWidth: number;
  /** The longest sequence, in tokens. */
  readonly context: number;
  /** ε of RMSNorm. */
  readonly epsilon: number;
  /** Base of the rotary frequencies. */
  readonly ropeTheta: number;
  /** Whether the output projection is the embedding table. */
  readonly tiedEmbeddings: boolean;
  readonly bosId: number;
  readonly eosIds: readonly number[];
}

const configSchema = z.object({
  model_type: z.literal('llama', { error: "must be 'llama': other architectures are not supported yet" }),
  hidden_act: z.literal('silu', { error: "must be 'silu'" }).optional(),
  vocab_size: z.int().positive(),
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  num_key_value_heads: z.int().positive().optional(),
  head_dim: z.int().positive().optional(),
  max_position_embeddings: z.int().positive(),
  rms_norm_eps: z.number().positive(),
  rope_theta: z.number().positive().optional(),
  rope_scaling: z.null({ error: 'is not supported yet: only unscaled rotary embeddings are' }).optional(),
  attention_bias: z.literal(false, { error: 'must be false: biases are not supported yet' }).optional(),
  mlp_bias: z.literal(false, { error: 'must be false: biases are not supported yet' }).optional(),
  tie_word_embeddings: z.boolean().optional(),
  bos_token_id: z.int().nonnegative(),
  eos_token_id: z.union([z.int().nonnegative(), z.array(z.int().nonnegative()).min(1)]),
});

/** Reads and validates DIR/config.json. Throws ModelError with every problem. */
export async function readDecoderConfig(directory: string): Promise<DecoderConfig> {
  const path = join(directory, 'config.json');
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(await readBytes(path)).toString('utf8'));
  } catch (error) {
    if (error instanceof ModelError) throw error;
    throw new ModelError(path, `is not JSON: ${(error as Error).message}`);
  }
  const parsed = configSchema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the file'} ${issue.message}`);
    throw new ModelError(path, problems.join('; '));
  }
  const c = parsed.data;
  const keyValueHeads = c.num_key_value_heads ?? c.num_attention_heads;
  if (c.num_attention_heads % keyValueHeads !== 0) {
    throw new ModelError(
      path,
      `num_attention_heads ${c.num_attention_heads} is not a multiple of num_key_value_heads ${keyValueHeads}`,
    );
  }
  const headWidth = c.head_dim ?? c.hidden_size / c.num_attention_heads;
  if (!Number.isInteger(headWidth) || headWidth % 2 !== 0) {
    throw new ModelError(path, `a head has ${headWidth} channels; rotary embeddings need an even whole number`);
  }
  return {
    vocabulary: c.vocab_size,
    width: c.hidden_size,
    feedForward: c.intermediate_size,
    layers: c.num_hidden_layers,
    heads: c.num_attention_heads,
    keyValueHeads,
    headWidth,
    context: c.max_position_embeddings,
    epsilon: c.rms_norm_eps,
    ropeTheta: c.rope_theta ?? 10000,
    tiedEmbeddings: c.tie_word_embeddings ?? false,
    bosId: c.bos_token_id,
    eosIds: typeof c.eos_token_id === 'number' ? [c.eos_token_id] : c.eos_token_id,
  };
}

/** The config.json that says the same, for a model made here. */
export function toHuggingFaceConfig(config: DecoderConfig, architecture: string): Readonly<Record<string, unknown>> {
  return {
    architectures: [architecture],
    model_type: 'llama',
    hidden_act: 'silu',
    vocab_size: config.vocabulary,
    hidden_size: config.width,
    intermediate_size: config.feedForward,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.keyValueHeads,
    head_dim: config.headWidth,
    max_position_embeddings: config.context,
    rms_norm_eps: config.epsilon,
    rope_theta: config.ropeTheta,
    tie_word_embeddings: config.tiedEmbeddings,
    bos_token_id: config.bosId,
    eos_token_id: config.eosIds.length === 1 ? config.eosIds[0] : config.eosIds,
    torch_dtype: 'float32',
  };
}

/** A tensor's name and shape. */
export interface TensorShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** The modules of a layer that are linear maps, with their [out, in] shapes: what LoRA can target. */
export function linearModules(config: DecoderConfig): Readonly<Record<string, readonly [out: number, into: number]>> {
  const { width, feedForward, heads, keyValueHeads, headWidth } = config;
  return {
    'self_attn.q_proj': [heads * headWidth, width],
    'self_attn.k_proj': [keyValueHeads * headWidth, width],
    'self_attn.v_proj': [keyValueHeads * headWidth, width],
    'self_attn.o_proj': [width, heads * headWidth],
    'mlp.gate_proj': [feedForward, width],
    'mlp.up_proj': [feedForward, width],
    'mlp.down_proj': [width, feedForward],
  };
}

/** Every weight of the decoder by its Hugging Face name, in a fixed order. */
export function decoderTensors(config: DecoderConfig): readonly TensorShape[] {
  const { width, vocabulary } = config;
  const tensors: TensorShape[] = [{ name: 'model.embed_tokens.weight', shape: [vocabulary, width] }];
  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = `model.layers.${layer}`;
    tensors.push({ name: `${prefix}.input_layernorm.weight`, shape: [width] });
    tensors.push({ name: `${prefix}.post_attention_layernorm.weight`, shape: [width] });
    for (const [module, shape] of Object.entries(linearModules(config))) {
      tensors.push({ name: `${prefix}.${module}.weight`, shape });
    }
  }
  tensors.push({ name: 'model.norm.weight', shape: [width] });
  if (!config.tiedEmbeddings) tensors.push({ name: 'lm_head.weight', shape: [vocabulary, width] });
  return tensors;
}
