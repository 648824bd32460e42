/** Adapters as the files that PEFT reads and writes: adapter_config.json and adapter_model.safetensors. */
import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { DecoderConfig } from './decoderConfig.js';
import { decoderLayout, linearModules, targetName } from './decoderLayout.js';
import { ModelError } from './errors.js';
import { readJson } from './jsonFile.js';
import type { DecoderModel } from './modelDirectory.js';
import { type NamedTensor, parseMetadata, parseTensors, readBytes } from './safetensors.js';
import { type LoraSpec, isTarget, trainableTensors } from './trainable.js';

/** What PEFT calls an adapter's files. */
export const adapterFiles = { config: 'adapter_config.json', weights: 'adapter_model.safetensors' } as const;

/** In the metadata of an adapter's weights: the SHA-256 of the base model's. PEFT does not look there. */
const baseSha256Key = 'base_model_sha256';

/** The names by which LoRA can target a decoder's linear maps, in order. */
export function linearTargets(config: DecoderConfig): readonly string[] {
  const modules = decoderLayout(config).layers.flatMap((layer) => linearModules(layer));
  return [...new Set(modules.map(({ name }) => targetName(name)))];
}

/**
 * Adapters for a model: on what is named, or on every linear map.
 *
 * @throws ModelError where the model has no linear map of a name
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
 * The content of adapter_config.json.
 * @param base the model that the adapter belongs to: a directory, or a name on the Hub.
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

/** The metadata of adapter_model.safetensors. */
export function adapterMetadata(baseSha256: string): Readonly<Record<string, string>> {
  return { format: 'pt', [baseSha256Key]: baseSha256 };
}

/** An adapter, read. */
export interface Adapter {
  readonly lora: LoraSpec;
  /** In the order of a policy's trained tensors. */
  readonly tensors: readonly NamedTensor[];
}

/** A key that other kinds of adapters have: absent, empty, or as plain LoRA has it. */
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
 * Reads what a PEFT adapter says of itself, without its weights.
 *
 * @throws ModelError where it is not plain LoRA
 */
export async function readLora(directory: string, config: DecoderConfig): Promise<LoraSpec> {
  return loraOf(await readConfig(directory), config);
}

/**
 * Reads a PEFT adapter of a model, as a starting point.
 *
 * @throws ModelError with everything in it that does not fit the model, or that is not plain LoRA
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
  for (const { name, shape } of expected) {
    const tensor = tensors.get(name);
    if (tensor === undefined) problems.push(`tensor '${name}' [${shape.join()}] is missing`);
    else if (tensor.shape.join() !== shape.join())
      problems.push(`tensor '${name}' is [${tensor.shape.join()}], the model asks for [${shape.join()}]`);
  }
  const names = new Set(expected.map(({ name }) => name));
  for (const name of tensors.keys()) if (!names.has(name)) problems.push(`tensor '${name}' has no place in the model`);
  if (problems.length > 0)
    throw new ModelError(directory, `is no adapter of ${model.directory}: ${problems.join('; ')}`);
  return { lora, tensors: expected.map(({ name }) => tensors.get(name) as NamedTensor) };
}

/** Targets of adapters that name no linear map of the decoder. */
export function unmatchedTargets(lora: LoraSpec, config: DecoderConfig): readonly string[] {
  const modules = decoderLayout(config).layers.flatMap((layer) => linearModules(layer));
  return lora.targets.filter((target) => !modules.some(({ name }) => isTarget({ ...lora, targets: [target] }, name)));
}

/** What says that an adapter belongs to another model: the hash that was written with it, or a directory that is there. */
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
  if (base === undefined || !base.startsWith('/')) return []; // a name on the Hub does not tell where that model lies here
  const found = await stat(base).catch(() => undefined);
  if (found === undefined || (await realpath(base)) === (await realpath(model.directory))) return [];
  return [`base_model_name_or_path is ${base}`];
}

function storesInOut(config: DecoderConfig): boolean {
  return decoderLayout(config).layers.some((layer) => linearModules(layer).some(({ inOut }) => inOut));
}
