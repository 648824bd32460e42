/**
 * Reads decoders from a model directory's config.json. Keys that would change the arithmetic and are not implemented are
 * refused by name. Keys without an effect on it are ignored.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Architecture, decoderOf, eosTokens } from './architectures/architecture.js';
import { architectures } from './architectures/registry.js';
import type { DecoderConfig } from './decoderConfig.js';
import { ModelError } from './errors.js';
import { readJson } from './files.js';

/**
 * Reads DIR/config.json and, for the tokens that end a completion, DIR/generation_config.json.
 *
 * @param known the architectures to accept. @default every registered one
 * @throws ModelError with every problem
 */
export async function readDecoderConfig(
  directory: string,
  known: readonly Architecture[] = architectures,
): Promise<DecoderConfig> {
  const path = join(directory, 'config.json');
  const json = await readJson(path);
  const architecture = known.find(({ modelType }) => modelType === json['model_type']);
  if (architecture === undefined) {
    throw new ModelError(path, `model_type must be ${alternatives(known)}: other architectures are not supported`);
  }
  const config = decoderOf(architecture, json, path, await generationEosIds(directory));
  if (config.eosIds.length > 0) return config;
  throw new ModelError(path, 'eos_token_id is neither here nor in generation_config.json');
}

/** `'a', 'b' or 'c'`. */
function alternatives(known: readonly Architecture[]): string {
  const all = known.map(({ modelType }) => `'${modelType}'`);
  return [all.slice(0, -1).join(', '), ...all.slice(-1)].filter((part) => part !== '').join(' or ');
}

async function generationEosIds(directory: string): Promise<readonly number[]> {
  const path = join(directory, 'generation_config.json');
  const found = await stat(path).catch(() => undefined);
  return found === undefined ? [] : eosTokens(path, await readJson(path));
}
