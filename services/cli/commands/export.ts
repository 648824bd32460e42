/** `gapo export`: a run's newest weights as files that other tools load. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { z } from '@gapo/settings';
import { UserError } from '@gapo/telemetry';
import { Coordinator, coordinatorAddress } from '../client.js';
import { coordinatorOption, jsonOption } from '../options.js';
import { print, printJson } from '../output.js';
import { fromHere } from '../project.js';

/** What PEFT calls the files of an adapter. */
const adapterFiles = ['adapter_config.json', 'adapter_model.safetensors'];
/** What a checkpoint holds where every weight was trained. */
const weightsFile = 'model.safetensors';
/** What else makes a model directory of Hugging Face; training does not change it. */
const besideWeights =
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.json$|\.(model|jinja)$|^merges\.txt$/;

/** The files of a checkpoint that other tools load. */
interface Exportable {
  kind: 'adapter' | 'model';
  /** Absolute paths. */
  files: string[];
}

const stateSchema = z.object({ config: z.object({ policy: z.object({ model: z.string() }) }) });
const recordSchema = z.object({ baseDirectory: z.string() });

/** The directory of the model that the run started from, as the checkpoint and its run say. */
function startingModel(checkpoint: string): string {
  const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
  try {
    const { config } = stateSchema.parse(read(join(checkpoint, 'state.json')));
    const { baseDirectory } = recordSchema.parse(read(join(checkpoint, '../../run.json')));
    return resolve(baseDirectory, config.policy.model);
  } catch (error) {
    throw new UserError(
      `${checkpoint} does not say which model it belongs to: state.json or the run's run.json is damaged`,
      {
        cause: error,
      },
    );
  }
}

function findExportable(checkpoint: string): Exportable | undefined {
  const inside = (name: string): string => join(checkpoint, name);
  if (adapterFiles.every((name) => existsSync(inside(name)))) {
    return { kind: 'adapter', files: adapterFiles.map(inside) };
  }
  if (!existsSync(inside(weightsFile))) return undefined;
  const model = startingModel(checkpoint);
  if (!existsSync(model)) {
    throw new UserError(
      `${model}, the model that the run started from, does not exist any more: its configuration and tokenizer are part of the export`,
    );
  }
  const others = readdirSync(model).filter((name) => besideWeights.test(name));
  return { kind: 'model', files: [inside(weightsFile), ...others.map((name) => join(model, name))] };
}

/** Copies files beside each other, whole or not at all. */
function copyInto(files: readonly string[], out: string): void {
  const names = files.map((file) => basename(file));
  const present = names.filter((name) => existsSync(join(out, name)));
  if (present.length > 0) {
    throw new UserError(
      `${out} already holds ${present.join(', ')}: give another directory with --out, or remove them`,
    );
  }
  const partial = (name: string): string => join(out, `${name}.partial`);
  try {
    mkdirSync(out, { recursive: true });
    for (const file of files) copyFileSync(file, partial(basename(file)));
    for (const name of names) renameSync(partial(name), join(out, name));
  } catch (error) {
    for (const name of names) rmSync(partial(name), { force: true });
    throw new UserError(`cannot export to ${out}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

interface ExportFlags {
  out?: string;
  coordinator?: string;
  json?: true;
}

async function exportRun(id: string, flags: ExportFlags): Promise<void> {
  const coordinator = new Coordinator(coordinatorAddress(flags.coordinator));
  try {
    const run = await coordinator.getRun(id);
    if (run.checkpoint === '') {
      throw new UserError(
        `run ${id} has no checkpoint yet: wait for one (checkpoints.every in its configuration), or pause the run, which writes one`,
      );
    }
    const found = findExportable(run.checkpoint);
    if (found === undefined) {
      throw new UserError(
        `the checkpoint ${run.checkpoint} holds no ${adapterFiles.join(' and ')}, and no ${weightsFile}, on this machine: run the command where the coordinator keeps its data`,
      );
    }
    const out = fromHere(flags.out ?? `${id}-${found.kind}`);
    copyInto(found.files, out);
    const files = found.files.map((file) => basename(file));
    const result = {
      run: id,
      kind: found.kind,
      directory: out,
      files,
      step: run.step,
      versionSha256: run.versionSha256,
    };
    if (flags.json) printJson(result);
    else
      print(
        `${out}: ${files.join(', ')} (${found.kind === 'adapter' ? 'a PEFT adapter' : 'a Hugging Face model'}, from ${run.checkpoint})`,
      );
  } finally {
    coordinator.close();
  }
}

/** The command. */
export function exportCommand(): Command {
  return new Command('export')
    .description("copy a run's newest weights: a PEFT adapter, or a whole model where every weight was trained")
    .argument('<id>', "the run's id, as `gapo runs` lists it")
    .addOption(new Option('--out <directory>', 'where to (default: ID-adapter or ID-model here)'))
    .addOption(coordinatorOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  gapo export assistant-20250101-120000 --out my-adapter')
    .action(exportRun);
}
