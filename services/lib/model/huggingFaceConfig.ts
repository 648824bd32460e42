/**
 * Reads decoders from a model directory's config.json and generation_config.json. Unimplemented keys that would change the
 * arithmetic, and unknown keys, are refused by name.
 */
import { join } from 'node:path';
import { type Architecture, decoderOf } from './architectures/architecture.js';
import { generationEosIds } from './architectures/generationConfig.js';
import { architectures } from './architectures/registry.js';
import type { DecoderConfig } from './decoderConfig.js';
import { ModelError } from './errors.js';
import { readJson } from './files.js';
import type { KeyOptions } from './knownKeys.js';

/** How a model directory is read. */
export interface ModelOptions extends KeyOptions {
  /** The architectures to accept. @default every registered one */
  readonly known?: readonly Architecture[];
}

/**
 * Reads DIR/config.json and, for the tokens that end a completion, DIR/generation_config.json.
 *
 * @throws ModelError with every problem
 */
export async function readDecoderConfig(directory: string, options: ModelOptions = {}): Promise<DecoderConfig> {
  const { known = architectures, ignoreKeys } = options;
  const path = join(directory, 'config.json');
  const json = await readJson(path);
  const architecture = known.find(({ modelType }) => modelType === json['model_type']);
  if (architecture === undefined) throw new ModelError(path, unsupported(json, known));
  const eosIds = await generationEosIds(directory, { ignoreKeys });
  const config = decoderOf(architecture, json, path, { ignoreKeys, eosIds });
  if (config.eosIds.length > 0) return config;
  throw new ModelError(path, 'eos_token_id is neither here nor in generation_config.json');
}

/** Says which architecture a config.json has, and which ones are supported. */
function unsupported(json: Readonly<Record<string, unknown>>, known: readonly Architecture[]): string {
  const { model_type: type, architectures: classes } = json;
  const found = type === undefined ? 'is missing' : `is ${JSON.stringify(type)}`;
  const named = Array.isArray(classes) && classes.length > 0 ? ` (architectures: ${classes.join(', ')})` : '';
  const text = textConfig(json);
  const part = known.find(({ modelType }) => modelType === text?.['model_type']);
  if (part !== undefined) {
    return (
      `model_type ${found}${named}: its text decoder is '${part.modelType}', which is supported; ` +
      'write it as a model of its own first (docs/models.md, "The text decoder of a larger model")'
    );
  }
  const parts = unsupportedParts({ ...json, ...text });
  const reason = parts.length > 0 ? `, with ${parts.join(' and ')}` : '';
  return `model_type must be ${alternatives(known)}, but it ${found}${named}${reason}: other architectures are not supported`;
}

/** The description of the text decoder of a model with other parts. */
function textConfig(json: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined {
  const found = json['text_config'];
  return typeof found === 'object' && found !== null ? (found as Readonly<Record<string, unknown>>) : undefined;
}

/** Lists the parts described in a config.json that no architecture here supports. */
function unsupportedParts(json: Readonly<Record<string, unknown>>): readonly string[] {
  const has = (...keys: readonly string[]): boolean => keys.some((key) => (json[key] ?? null) !== null);
  const experts = ['num_local_experts', 'num_experts', 'n_routed_experts', 'moe_num_experts']
    .map((key) => json[key])
    .find((count): count is number => typeof count === 'number' && count > 1);
  return [
    ...(experts === undefined ? [] : [`a mixture of ${experts} experts`]),
    ...(has('kv_lora_rank') ? ['latent attention (kv_lora_rank)'] : []),
    ...(has('ssm_cfg', 'state_size', 'mamba_d_state', 'linear_num_value_heads') ? ['state-space layers'] : []),
    ...(has('text_config') ? ['parts besides its text decoder'] : []),
    ...(json['is_encoder_decoder'] === true ? ['an encoder'] : []),
  ];
}

/** `'a', 'b' or 'c'`. */
function alternatives(known: readonly Architecture[]): string {
  const all = known.map(({ modelType }) => `'${modelType}'`);
  return [all.slice(0, -1).join(', '), ...all.slice(-1)].filter((part) => part !== '').join(' or ');
}
