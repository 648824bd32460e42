/** Reads and writes adapters as PEFT's files: adapter_config.json and adapter_model.safetensors. */
import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { required } from '@gapo/numeric';
import { z } from 'zod';
import type { DecoderConfig } from '../decoderConfig.js';
import { decoderLayout, linearModules, targetName } from '../decoderLayout.js';
import { ModelError } from '../errors.js';
import { readJson, readBytes } from '../files.js';
import type { DecoderModel } from '../weights/modelDirectory.js';
import { parseMetadata, parseTensors } from '../weights/safetensors.js';
import { type NamedTensor, tensorMismatches } from '../weights/tensors.js';
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
    lora_dropout: 0,
    bias: 'none',
    fan_in_fan_out: storesInOut(config),
    inference_mode: true,
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

/** A key of other kinds of adapters: absent, empty, or with the value of plain LoRA. */
const plain = (why: string, value?: string) =>
  z
    .unknown()
    .refine((found) => isNothing(found) || found === value, { error: `is not supported: ${why}` })
    .optional();

function isNothing(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === undefined || value === null || value === false;
}

const configSchema = z.object({
  peft_type: z.literal('LORA', { error: "must be 'LORA'" }),
  base_model_name_or_path: z.string().nullish(),
  r: z.int().positive({ error: 'must be a whole number above 0' }),
  lora_alpha: z.number().positive({ error: 'must be a number above 0' }),
  target_modules: z.union([z.array(z.string()).min(1), z.literal('all-linear')], {
    error: "must be a list of module names or 'all-linear'",
  }),
  fan_in_fan_out: z.boolean().optional(),
  bias: plain("biases are not trained, so it must be 'none'", 'none'),
  use_rslora: plain('the scale is lora_alpha / r'),
  use_dora: plain('there are no magnitudes'),
  rank_pattern: plain('every module has rank r'),
  alpha_pattern: plain('every module has lora_alpha'),
  layers_to_transform: plain('every layer has adapters'),
  modules_to_save: plain('only adapters are trained'),
  trainable_token_indices: plain('only adapters are trained'),
  target_parameters: plain('only modules have adapters'),
  layer_replication: plain('layers stay as they are'),
  lora_bias: plain('adapters have no biases'),
});

/** Reads adapter_config.json. */
async function readConfig(directory: string): Promise<z.output<typeof configSchema>> {
  const path = join(directory, adapterFiles.config);
  const parsed = configSchema.safeParse(await readJson(path));
  if (parsed.success) return parsed.data;
  throw new ModelError(path, parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; '));
}

function loraOf({ r, lora_alpha: alpha, target_modules: named }: z.output<typeof configSchema>, config: DecoderConfig) {
  return { rank: r, alpha, targets: named === 'all-linear' ? linearTargets(config) : named };
}

/**
 * Reads the description of a PEFT adapter, without its weights.
 *
 * @throws ModelError if it is not plain LoRA
 */
export async function readLora(directory: string, config: DecoderConfig): Promise<LoraSpec> {
  return loraOf(await readConfig(directory), config);
}

/**
 * Reads a PEFT adapter to start from.
 *
 * @throws ModelError with every mismatch with the model, or everything that is not plain LoRA
 */
export async function readAdapter(directory: string, model: DecoderModel): Promise<Adapter> {
  const described = await readConfig(directory);
  const { fan_in_fan_out: inOut, base_model_name_or_path: base } = described;
  const lora: LoraSpec = loraOf(described, model.config);
  const weightsPath = join(directory, adapterFiles.weights);
  const bytes = await readBytes(weightsPath);
  const tensors = new Map(parseTensors(bytes, weightsPath).map((tensor) => [tensor.name, tensor]));
  const problems = [
    ...(await baseProblems(base ?? undefined, parseMetadata(bytes, weightsPath)[baseSha256Key], model)),
    ...(inOut !== undefined && inOut !== storesInOut(model.config)
      ? [`fan_in_fan_out is ${inOut}, the model's weights are stored the other way`]
      : []),
    ...unmatchedTargets(lora, model.config).map((target) => `target_modules has '${target}', which the model lacks`),
  ];
  const expected = trainableTensors(model.config, { lora, valueHeads: 0 });
  problems.push(...tensorMismatches(expected, tensors, 'the model'));
  if (problems.length > 0)
    throw new ModelError(directory, `is not an adapter of ${model.directory}: ${problems.join('; ')}`);
  return { lora, tensors: expected.map(({ name }) => required(tensors.get(name), name)) };
}

/** Returns the targets that name no linear map of the decoder. */
export function unmatchedTargets(lora: LoraSpec, config: DecoderConfig): readonly string[] {
  const modules = decoderLayout(config).layers.flatMap((layer) => linearModules(layer));
  return lora.targets.filter((target) => !modules.some(({ name }) => isTarget({ ...lora, targets: [target] }, name)));
}

/** Lists the signs that an adapter belongs to another model: the recorded hash, or the path of an existing directory. */
async function baseProblems(
  base: string | undefined,
  sha256: string | undefined,
  model: DecoderModel,
): Promise<readonly string[]> {
  if (sha256 !== undefined) {
    if (sha256 === model.sha256) return [];
    return [
      `it was trained on weights with SHA-256 ${sha256.slice(0, 12)}…, the model's are ${model.sha256.slice(0, 12)}…`,
    ];
  }
  if (base === undefined || !base.startsWith('/')) return []; // a name on the Hub says nothing about paths here
  const found = await stat(base).catch(() => undefined);
  if (found === undefined || (await realpath(base)) === (await realpath(model.directory))) return [];
  return [`base_model_name_or_path is ${base}`];
}

function storesInOut(config: DecoderConfig): boolean {
  return decoderLayout(config).layers.some((layer) => linearModules(layer).some(({ inOut }) => inOut));
}
