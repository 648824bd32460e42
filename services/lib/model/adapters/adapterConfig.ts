/** Reads adapter_config.json: which modules have an adapter, and its rank and scale. */
import { join } from 'node:path';
import { z } from 'zod';
import type { DecoderConfig } from '../decoderConfig.js';
import { decoderLayout, linearModules, targetName } from '../decoderLayout.js';
import { ModelError } from '../errors.js';
import { readJson } from '../files.js';
import { type KeyOptions, type KnownKeys, checkKeys, neutral } from '../knownKeys.js';
import { matchingNames } from './modulePatterns.js';
import { type LoraException, type LoraSpec, isTarget } from './trainable.js';

/** A value for each pattern over the names of modules. */
const byPattern = (value: z.ZodNumber) => z.record(z.string(), value).nullish();
const rank = z.int().positive({ error: 'must be a whole number above 0' });
const alpha = z.number().positive({ error: 'must be a number above 0' });
const oneOrMore = z.union([z.string(), z.array(z.string())]);

/** The keys that are read, with PEFT's defaults. */
const schema = z.object({
  peft_type: z.literal('LORA', {
    error: ({ input }) => `must be 'LORA': other adapters are not supported, and it is ${JSON.stringify(input)}`,
  }),
  base_model_name_or_path: z.string().nullish(),
  r: rank.default(8),
  lora_alpha: alpha.default(8),
  target_modules: z.union([z.array(z.string()).min(1), z.string()], {
    error: 'must be a list of module names, a regular expression or all-linear',
  }),
  exclude_modules: oneOrMore.nullish(),
  layers_to_transform: z.union([z.int(), z.array(z.int())]).nullish(),
  layers_pattern: oneOrMore.nullish(),
  rank_pattern: byPattern(rank),
  alpha_pattern: byPattern(alpha),
  use_rslora: z.boolean().nullish(),
});

/** Keys of PEFT's LoraConfig that are not read. */
const known: KnownKeys = {
  used: Object.keys(schema.shape),
  harmless: [
    // PEFT corrects it if the model's weights are stored the other way round.
    'fan_in_fan_out',
    // They describe the file and the base model.
    'auto_mapping',
    'inference_mode',
    'peft_version',
    'revision',
    'task_type',
    // They only affect training with PEFT.
    'lora_dropout',
    'merge_weights',
    'runtime_config',
    // They configure kinds of initialization and adapters selected by other keys.
    'corda_config',
    'eva_config',
    'loftq_config',
    'lora_ga_config',
    'megatron_core',
    'qalora_group_size',
  ],
  neutral: {
    bias: neutral('biases are not trained, so it must be none', 'none', null),
    init_lora_weights: neutral(
      'this initialization changes the base weights, so that the adapter does not belong to the model; let PEFT convert it ' +
        'with save_pretrained(path_initial_model_for_weight_conversion=...)',
      true,
      false,
      null,
      'gaussian',
      'orthogonal',
      'eva',
    ),
    use_dora: neutral('there are no magnitudes', false, null),
    modules_to_save: neutral('only adapters are trained', null, []),
    trainable_token_indices: neutral('only adapters are trained', null, [], {}),
    target_parameters: neutral('only modules have adapters', null, []),
    layer_replication: neutral('layers stay as they are', null, []),
    lora_bias: neutral('adapters have no biases', false, null),
    alora_invocation_tokens: neutral('adapters act on every token', null),
    ensure_weight_tying: neutral('embeddings have no adapters', false, null),
    enable_lora: neutral('every module is adapted whole', null, []),
    arrow_config: neutral('there is one adapter, which nothing routes', null),
    kasa_config: neutral('there are no singular values', null),
    megatron_config: neutral('modules are linear maps', null),
    monteclora_config: neutral('adapters are not sampled', null),
    use_bdlora: neutral('adapters are not block-diagonal', null, false),
    use_qalora: neutral('inputs are not pooled', false, null),
    velora_config: neutral('activations are not compressed', null),
  },
};

/** An adapter's configuration. */
export interface AdapterConfig {
  readonly lora: LoraSpec;
  /** The base model that it names. */
  readonly base: string | undefined;
}

/**
 * Reads DIR/adapter_config.json. Modules are selected, and patterns matched, as in PEFT.
 *
 * @throws ModelError with every problem
 */
export async function readAdapterConfig(
  directory: string,
  config: DecoderConfig,
  options: KeyOptions = {},
): Promise<AdapterConfig> {
  const path = join(directory, 'adapter_config.json');
  const { json, problems: refused } = checkKeys(await readJson(path), known, options);
  const problems = [...refused];
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    problems.push(...parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`));
  } else if (problems.length === 0) {
    const lora = loraOf(parsed.data, config, (problem) => problems.push(problem));
    if (problems.length === 0) {
      return { lora, base: parsed.data.base_model_name_or_path ?? undefined };
    }
  }
  throw new ModelError(path, problems.join('; '));
}

type Keys = z.output<typeof schema>;
type Report = (problem: string) => void;

/** A linear map of the decoder, and the number of its layer. */
interface Module {
  readonly name: string;
  readonly layer: number;
}

function loraOf(keys: Keys, config: DecoderConfig, report: Report): LoraSpec {
  const modules = decoderLayout(config).layers.flatMap((layer, number) =>
    linearModules(layer).map(({ name }): Module => ({ name, layer: number })),
  );
  const names = modules.map(({ name }) => name);
  const targets = targetsOf(keys, modules, config, report);
  const scaled = (rank: number, alpha: number): number => (keys.use_rslora === true ? alpha * Math.sqrt(rank) : alpha);
  const rankOf = patternValues('rank_pattern', keys.rank_pattern, names, report);
  const alphaOf = patternValues('alpha_pattern', keys.alpha_pattern, names, report);
  const lora = { rank: keys.r, alpha: scaled(keys.r, keys.lora_alpha), targets };
  const exceptions = names
    .filter((module) => isTarget(lora, module))
    .map((module): LoraException => {
      const rank = rankOf.get(module) ?? keys.r;
      return { module, rank, alpha: scaled(rank, alphaOf.get(module) ?? keys.lora_alpha) };
    })
    .filter(({ rank, alpha }) => rank !== lora.rank || alpha !== lora.alpha);
  return { ...lora, ...(exceptions.length > 0 && { exceptions }) };
}

/**
 * Returns the targets of an adapter: those that it lists, otherwise the modules selected by its keys. Such modules are named
 * by their last parts if all modules of that name are targets.
 */
function targetsOf(keys: Keys, modules: readonly Module[], config: DecoderConfig, report: Report): readonly string[] {
  const { target_modules: named, exclude_modules: excluded, layers_to_transform: layers } = keys;
  if (Array.isArray(named) && isNothing(excluded) && isNothing(layers)) return named;
  if (!Array.isArray(named) && !isNothing(layers)) report('layers_to_transform needs a list of target_modules');
  const names = modules.map(({ name }) => name);
  const chosen = (key: string, choice: string | readonly string[]): ReadonlySet<string> => {
    if (typeof choice !== 'string') return new Set(names.filter((name) => isTarget({ targets: choice }, name)));
    const found = matchingNames(choice, names, 'whole');
    if (found === undefined) report(`${key} '${choice}' is not a regular expression that ends in time`);
    return found ?? new Set();
  };
  const isAll = typeof named === 'string' && named.toLowerCase() === 'all-linear';
  const included = isAll ? new Set(names) : chosen('target_modules', named);
  const without = chosen('exclude_modules', isNothing(excluded) ? [] : (excluded ?? []));
  const targets = modules
    .filter(({ name, layer }) => included.has(name) && !without.has(name) && isTransformed(keys, layer, config))
    .map(({ name }) => name);
  if (targets.length === 0) report('target_modules names no linear map of the model');
  return shortened(targets, names);
}

/** Whether a layer has adapters, by its number and by the name of the list of layers. */
function isTransformed(
  { layers_to_transform: layers, layers_pattern: patterns }: Keys,
  layer: number,
  { names }: DecoderConfig,
): boolean {
  if (isNothing(layers)) return true;
  const list = names.trunk + names.layers;
  const lists = [patterns ?? []].flat().filter((name) => name !== '');
  const counts = lists.length === 0 || lists.some((name) => list === name || list.endsWith(`.${name}`));
  return counts && [layers ?? []].flat().includes(layer);
}

/** Returns the value of each module by the first pattern that matches the end of its name. */
function patternValues(
  key: string,
  patterns: Keys['rank_pattern'],
  modules: readonly string[],
  report: Report,
): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const [pattern, value] of Object.entries(patterns ?? {})) {
    const found = matchingNames(pattern, modules, 'end');
    if (found === undefined) report(`${key} has '${pattern}', which is not a regular expression that ends in time`);
    for (const module of found ?? []) if (!values.has(module)) values.set(module, value);
  }
  return values;
}

/** Names modules by their last parts if all modules of that name are among them. */
function shortened(targets: readonly string[], modules: readonly string[]): readonly string[] {
  const chosen = new Set(targets);
  const partial = new Set(modules.filter((module) => !chosen.has(module)).map(targetName));
  return [...new Set(targets.map((module) => (partial.has(targetName(module)) ? module : targetName(module))))];
}

function isNothing(value: string | number | readonly unknown[] | null | undefined): boolean {
  return value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);
}
