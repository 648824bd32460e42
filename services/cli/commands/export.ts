/** `gapo export`: writes a run's newest weights in formats that other tools load. */
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { conditionOf, conditionSchema, conditionText, conditionerOf } from '@gapo/config';
import {
  adapterFiles,
  configWithDtype,
  mergedFiles,
  readAdapter,
  readDecoderModel,
  readDecoderShape,
  tokenizerFiles,
  writeMergedModel,
  type MergedOptions,
} from '@gapo/model';
import { preferenceLevels } from '@gapo/objectives';
import { writeAllAtomically, z, UserError, type FileContent } from '@gapo/service';
import { Command, Option } from 'commander';
import { Coordinator, coordinatorAddress } from '../client.js';
import { coordinatorOption, jsonOption } from '../options/options.js';
import { print, printJson } from '../output.js';
import { fromHere } from '../project.js';

/** The weights in a checkpoint of full training. */
const weightsFile = 'model.safetensors';
const configFile = 'config.json';
const generationFile = 'generation_config.json';
const preferenceFile = 'preference.json';

/** The files of an export, by name. */
type Files = ReadonlyMap<string, FileContent>;

const kinds = { adapter: 'a PEFT adapter', model: 'a Hugging Face model', merged: 'a Hugging Face model' } as const;
type Kind = keyof typeof kinds;

const policySchema = z.object({
  model: z.string(),
  ignoreKeys: z.array(z.string()).optional(),
  condition: conditionSchema,
});
const configSchema = z.object({ policy: policySchema, objectives: z.array(z.object({ name: z.string() })) });
const stateSchema = z.object({ config: configSchema });
const recordSchema = z.object({ baseDirectory: z.string() });
type PolicyConfig = z.output<typeof configSchema>;

/**
 * Returns what the run's configuration says about its policy. The model is an absolute path.
 *
 * @throws UserError if the checkpoint or its run does not say it
 */
function configOf(checkpoint: string): PolicyConfig {
  const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
  try {
    const { config } = stateSchema.parse(read(join(checkpoint, 'state.json')));
    const { baseDirectory } = recordSchema.parse(read(join(checkpoint, '../../run.json')));
    return { ...config, policy: { ...config.policy, model: resolve(baseDirectory, config.policy.model) } };
  } catch (error) {
    throw new UserError(`${checkpoint} does not name its model: state.json or the run's run.json is damaged`, {
      cause: error,
    });
  }
}

/**
 * Returns the file that says how to state a preference in a prompt; none unless the policy was trained with `policy.condition`.
 */
function preferenceOf(config: PolicyConfig): Files {
  const condition = conditionOf(config);
  if (condition === undefined) return new Map();
  const names = config.objectives.map(({ name }) => name);
  const examples = [...names.map((only) => names.map((name) => (name === only ? 1 : 0))), names.map(() => 1)];
  const content = {
    objectives: names,
    levels: condition.levels,
    text: conditionText(condition, names),
    examples: examples.map((shares) => {
      const levels = preferenceLevels(shares, condition.levels);
      const named = Object.fromEntries(names.map((name, k) => [name, levels[k]]));
      return { levels: named, lastUserTurn: conditionerOf(condition, names, levels)('{prompt}') };
    }),
  };
  return new Map([[preferenceFile, `${JSON.stringify(content, null, 2)}\n`]]);
}

/**
 * Returns the directory of the model that the run started from.
 *
 * @throws UserError if it no longer exists
 */
function startingModel({ policy: { model } }: PolicyConfig): string {
  if (existsSync(model)) return model;
  throw new UserError(
    `the run's base model ${model} no longer exists: the export needs its configuration and tokenizer`,
  );
}

/** Returns the other files of a Hugging Face model directory, which training does not change. */
async function copiedFiles(model: string): Promise<Files> {
  const generation = existsSync(join(model, generationFile)) ? [generationFile] : [];
  const names = [...generation, ...(await tokenizerFiles(model))];
  return new Map(names.map((name) => [name, copyOf(join(model, name))]));
}

async function* copyOf(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path);
}

/** Returns the adapter's files. The configuration names the base model by an absolute path, so PEFT finds it. */
function adapterOf(checkpoint: string, run: PolicyConfig): Files {
  const config = JSON.parse(readFileSync(join(checkpoint, adapterFiles.config), 'utf8')) as Record<string, unknown>;
  const named = { ...config, base_model_name_or_path: run.policy.model };
  return new Map<string, FileContent>([
    [adapterFiles.config, `${JSON.stringify(named, null, 2)}\n`],
    [adapterFiles.weights, copyOf(join(checkpoint, adapterFiles.weights))],
    ...preferenceOf(run),
  ]);
}

/** Returns the files of a fully trained model, in float32 as in the checkpoint. */
async function modelOf(checkpoint: string, run: PolicyConfig): Promise<Files> {
  const directory = startingModel(run);
  const { config } = await readDecoderShape(directory, run.policy);
  return new Map<string, FileContent>([
    [configFile, await configWithDtype({ directory, config }, 'F32')],
    [weightsFile, copyOf(join(checkpoint, weightsFile))],
    ...(await copiedFiles(directory)),
    ...preferenceOf(run),
  ]);
}

/** @throws UserError if one of the files already exists */
function requireAbsent(names: readonly string[], out: string): void {
  const present = names.filter((name) => existsSync(join(out, name)));
  if (present.length > 0) {
    throw new UserError(
      `${out} already contains ${present.join(', ')}: give another directory with --out, or remove them`,
    );
  }
}

/** Writes all files, or none if one fails. */
async function place(files: Files, out: string): Promise<readonly string[]> {
  const names = [...files.keys()];
  requireAbsent(names, out);
  await writeAllAtomically(new Map([...files].map(([name, content]) => [join(out, name), content])));
  return names;
}

/** Writes the model with the adapter merged into its weights. */
async function placeMerged(
  checkpoint: string,
  run: PolicyConfig,
  out: string,
  options: MergedOptions,
): Promise<readonly string[]> {
  const model = await readDecoderModel(startingModel(run), run.policy);
  const adapter = await readAdapter(checkpoint, model);
  const others = new Map([...(await copiedFiles(model.directory)), ...preferenceOf(run)]);
  requireAbsent([...mergedFiles(model), ...others.keys()], out);
  return [...(await writeMergedModel(model, adapter, out, options)), ...(await place(others, out))];
}

interface ExportFlags {
  out?: string;
  merged?: true;
  float32?: true;
  coordinator?: string;
  json?: true;
}

/**
 * Returns the kind of export that a checkpoint supports.
 *
 * @throws UserError if its files are not on this machine
 */
function kindOf(checkpoint: string, { merged }: ExportFlags): Kind {
  const holds = (name: string): boolean => existsSync(join(checkpoint, name));
  if (Object.values(adapterFiles).every(holds)) return merged ? 'merged' : 'adapter';
  if (holds(weightsFile)) return 'model';
  throw new UserError(
    `the checkpoint ${checkpoint} on this machine has neither ${Object.values(adapterFiles).join(' and ')} nor ${weightsFile}: run the command on the machine that has the coordinator's data`,
  );
}

async function exportRun(id: string, flags: ExportFlags): Promise<void> {
  const coordinator = new Coordinator(coordinatorAddress(flags.coordinator));
  try {
    const run = await coordinator.getRun(id);
    if (run.checkpoint === '') {
      throw new UserError(
        `run ${id} has no checkpoint yet: wait for the next one (checkpoints.every), or pause the run, which writes one`,
      );
    }
    const kind = kindOf(run.checkpoint, flags);
    const config = configOf(run.checkpoint);
    const out = fromHere(flags.out ?? `${id}-${kind}`);
    const files =
      kind === 'merged'
        ? await placeMerged(run.checkpoint, config, out, flags.float32 ? { dtype: 'F32' } : {})
        : await place(
            kind === 'adapter' ? adapterOf(run.checkpoint, config) : await modelOf(run.checkpoint, config),
            out,
          );
    const result = { run: id, kind, directory: out, files, step: run.step, versionSha256: run.versionSha256 };
    if (flags.json) printJson(result);
    else print(`${out}: ${files.join(', ')} (${kinds[kind]}, from ${run.checkpoint})`);
    if (!flags.json && files.includes(preferenceFile))
      print(`The policy reads its preference from the last user turn: ${preferenceFile} has the text.`);
  } finally {
    coordinator.close();
  }
}

/** Creates the command. */
export function exportCommand(): Command {
  return new Command('export')
    .description("write a run's newest weights: a PEFT adapter, or a whole model")
    .argument('<id>', "the run's id, as `gapo runs` lists it")
    .addOption(new Option('--out <directory>', 'output directory (default: ./ID-adapter, ./ID-merged or ./ID-model)'))
    .addOption(new Option('--merged', 'write the model with the adapter merged into its weights'))
    .addOption(new Option('--float32', "with --merged: write float32 instead of the model's own type"))
    .addOption(coordinatorOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  gapo export assistant-20250101-120000 --out my-adapter\n  gapo export assistant-20250101-120000 --merged',
    )
    .action(exportRun);
}
