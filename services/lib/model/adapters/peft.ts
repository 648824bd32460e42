/** Reads and writes adapters as PEFT's files: adapter_config.json and adapter_model.safetensors. */
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { required } from '@gapo/numeric';
import type { DecoderConfig } from '../decoderConfig.js';
import { decoderLayout, linearModules, targetName } from '../decoderLayout.js';
import { ModelError } from '../errors.js';
import { readBytes } from '../files.js';
import type { KeyOptions } from '../knownKeys.js';
import type { DecoderModel } from '../weights/modelDirectory.js';
import { parseMetadata, parseTensors } from '../weights/safetensors.js';
import { type NamedTensor, tensorMismatches } from '../weights/tensors.js';
import { readAdapterConfig } from './adapterConfig.js';
import { type LoraSpec, isTarget, trainableTensors } from './trainable.js';

/** The names of an adapter's files. */
export const adapterFiles = { config: 'adapter_config.json', weights: 'adapter_model.safetensors' } as const;

/** The key of the base model's SHA-256 in the metadata of an adapter's weights. PEFT ignores it. */
const baseSha256Key = 'base_model_sha256';

/** Returns the names by which LoRA can target a decoder's linear maps, in order. */
export function linearTargets(config: DecoderConfig): readonly string[] {
  const modules = decoderLayout(config).layers.flatMap((layer) => linearModules(layer));
  return [...new Set(modules.map(({ name }) => targetName(name)))];
}

/**
 * Describes adapters for a model, on the given targets or on every linear map.
 *
 * @throws ModelError if the model has no linear map of that name
 */
export function loraFor(
  { directory, config }: DecoderModel,
  { rank, alpha, targets }: Omit<LoraSpec, 'targets'> & { readonly targets?: readonly string[] | undefined },
): LoraSpec {
  const known = linearTargets(config);
  const stray = targets?.find((target) => !known.includes(target));
  if (stray !== undefined) {
    throw new ModelError(directory, `LoRA has the target '${stray}'; the model has ${known.join(', ')}`);
  }
  return { rank, alpha, targets: targets ?? known };
}

/**
 * Returns the content of adapter_config.json.
 *
 * @param base the model that the adapter belongs to: a directory, or a name on the Hub
 */
export function peftConfig(config: DecoderConfig, lora: LoraSpec, base: string): Readonly<Record<string, unknown>> {
  return {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: base,
    r: lora.rank,
    lora_alpha: lora.alpha,
    target_modules: lora.targets,
    ...patternsOf(lora),
    lora_dropout: 0,
    bias: 'none',
    fan_in_fan_out: storesInOut(config),
    inference_mode: true,
  };
}

/** Returns the keys for modules with their own rank or alpha, by full name. */
function patternsOf({ exceptions = [] }: LoraSpec): Readonly<Record<string, unknown>> {
  if (exceptions.length === 0) return {};
  return {
    rank_pattern: Object.fromEntries(exceptions.map(({ module, rank }) => [module, rank])),
    alpha_pattern: Object.fromEntries(exceptions.map(({ module, alpha }) => [module, alpha])),
  };
}

/** Returns the metadata of adapter_model.safetensors. */
export function adapterMetadata(baseSha256: string): Readonly<Record<string, string>> {
  return { format: 'pt', [baseSha256Key]: baseSha256 };
}

export interface Adapter {
  readonly lora: LoraSpec;
  /** In the order of a policy's trained tensors. */
  readonly tensors: readonly NamedTensor[];
}

/** The model of an adapter. Without its hash, the hash recorded in the adapter is not checked. */
export type AdaptedModel = Pick<DecoderModel, 'directory' | 'config'> & Partial<Pick<DecoderModel, 'sha256'>>;

/**
 * Reads a PEFT adapter to start from.
 *
 * @throws ModelError listing every mismatch with the model, and everything that is not LoRA on linear maps
 */
export async function readAdapter(directory: string, model: AdaptedModel, options: KeyOptions = {}): Promise<Adapter> {
  const { lora, base } = await readAdapterConfig(directory, model.config, options);
  const weightsPath = join(directory, adapterFiles.weights);
  const bytes = await readWeights(directory);
  const tensors = new Map(parseTensors(bytes, weightsPath).map((tensor) => [tensor.name, tensor]));
  const problems = [
    ...namingProblems([...tensors.keys()]),
    ...(await baseProblems(base, parseMetadata(bytes, weightsPath)[baseSha256Key], model)),
    ...unmatchedTargets(lora, model.config).map((target) => `target_modules has '${target}', which the model lacks`),
  ];
  const expected = trainableTensors(model.config, { lora, valueHeads: 0 });
  problems.push(...tensorMismatches(expected, tensors, 'the model'));
  if (problems.length > 0)
    throw new ModelError(directory, `is not an adapter of ${model.directory}: ${problems.join('; ')}`);
  return { lora, tensors: expected.map(({ name }) => required(tensors.get(name), name)) };
}

/**
 * Reads the description of an adapter, and checks it against the adapter's weights if there are any.
 *
 * @throws ModelError as {@link readAdapter}
 */
export async function readLora(directory: string, model: AdaptedModel, options: KeyOptions = {}): Promise<LoraSpec> {
  const { lora } = await readAdapterConfig(directory, model.config, options);
  const hasWeights = (await readdir(directory)).some((name) => /^adapter_model\.(safetensors|bin)$/.test(name));
  if (hasWeights) return (await readAdapter(directory, model, options)).lora;
  const unmatched = unmatchedTargets(lora, model.config);
  if (unmatched.length === 0) return lora;
  throw new ModelError(directory, `target_modules has ${unmatched.join(', ')}, which the model lacks`);
}

/** @throws ModelError if the weights are missing, or in another format */
async function readWeights(directory: string): Promise<Buffer> {
  const names = await readdir(directory);
  if (!names.includes(adapterFiles.weights) && names.includes('adapter_model.bin')) {
    throw new ModelError(
      directory,
      `has adapter_model.bin, but not ${adapterFiles.weights}; convert it with PEFT's from_pretrained() and save_pretrained()`,
    );
  }
  return readBytes(join(directory, adapterFiles.weights));
}

/** Explains tensor names that do not belong to an adapter on linear maps. */
function namingProblems(names: readonly string[]): readonly string[] {
  const whole = names.filter((name) => !/\.lora_|\.lora_embedding_/.test(name));
  const embeddings = names.filter((name) => name.includes('.lora_embedding_'));
  const withName = names.filter((name) => /\.lora_[AB]\.[^.]+\.weight$/.test(name));
  return [
    ...(whole.length === 0
      ? []
      : [
          `it has whole weights, such as '${whole[0]}': only adapters are trained, so merge it into its base model first`,
        ]),
    ...(embeddings.length === 0 ? [] : [`it adapts the embeddings ('${embeddings[0]}'), which is not supported`]),
    ...(withName.length === 0
      ? []
      : [
          `'${withName[0]}' contains the adapter's name, so that PEFT does not read it either; save the adapter with ` +
            'save_pretrained()',
        ]),
  ];
}

/** Returns the targets that do not name a linear map of the decoder. */
export function unmatchedTargets(lora: LoraSpec, config: DecoderConfig): readonly string[] {
  const modules = decoderLayout(config).layers.flatMap((layer) => linearModules(layer));
  return lora.targets.filter((target) => !modules.some(({ name }) => isTarget({ ...lora, targets: [target] }, name)));
}

/** Lists signs that an adapter belongs to another model: the recorded hash, or the path of an existing directory. */
async function baseProblems(
  base: string | undefined,
  sha256: string | undefined,
  model: AdaptedModel,
): Promise<readonly string[]> {
  if (sha256 !== undefined && model.sha256 !== undefined) {
    if (sha256 === model.sha256) return [];
    return [
      `it was trained on weights with SHA-256 ${sha256.slice(0, 12)}…, the model's are ${model.sha256.slice(0, 12)}…`,
    ];
  }
  if (base === undefined || !base.startsWith('/')) return []; // a Hub name says nothing about local paths
  const found = await stat(base).catch(() => undefined);
  if (found === undefined || (await realpath(base)) === (await realpath(model.directory))) return [];
  return [`base_model_name_or_path is ${base}`];
}

function storesInOut(config: DecoderConfig): boolean {
  return decoderLayout(config).layers.some((layer) => linearModules(layer).some(({ inOut }) => inOut));
}
