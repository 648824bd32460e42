/** `gapo export`: a run's newest weights as files that other tools load. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { UserError } from '@gapo/telemetry';
import { Coordinator, coordinatorAddress } from '../client.js';
import { coordinatorOption, jsonOption } from '../options.js';
import { print, printJson } from '../output.js';
import { fromHere } from '../project.js';

/** What PEFT calls the files of an adapter. */
const adapterFiles = ['adapter_config.json', 'adapter_model.safetensors'];
/** What marks a whole model directory of Hugging Face. */
const modelFiles = ['config.json', 'model.safetensors'];
/** Where a checkpoint keeps either, below its own directory. */
const places = ['', 'adapter', 'model'];

/** The files of a checkpoint that other tools load. */
interface Exportable {
  kind: 'adapter' | 'model';
  directory: string;
  files: string[];
}

function findExportable(checkpoint: string): Exportable | undefined {
  for (const place of places) {
    const directory = join(checkpoint, place);
    const has = (file: string): boolean => existsSync(join(directory, file));
    if (adapterFiles.every(has)) return { kind: 'adapter', directory, files: adapterFiles };
    if (modelFiles.every(has)) return { kind: 'model', directory, files: filesOf(directory) };
  }
  return undefined;
}

/** A model's own files; the optimiser's state and the run's are none of them. */
function filesOf(directory: string): string[] {
  const wanted =
    /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens)\.json$|^model\.safetensors$|\.model$|\.jinja$|^(vocab|merges)\./;
  return readdirSync(directory).filter((name) => wanted.test(name) && statSync(join(directory, name)).isFile());
}

/** Copies files beside each other, whole or not at all. */
function copyInto({ directory, files }: Exportable, out: string): void {
  mkdirSync(out, { recursive: true });
  const present = files.filter((file) => existsSync(join(out, file)));
  if (present.length > 0) {
    throw new UserError(
      `${out} already holds ${present.join(', ')}: give another directory with --out, or remove them`,
    );
  }
  const copied: string[] = [];
  try {
    for (const file of files) {
      copied.push(file);
      copyFileSync(join(directory, file), join(out, `${file}.new`));
    }
    for (const file of files) renameSync(join(out, `${file}.new`), join(out, file));
  } catch (error) {
    for (const file of copied) rmSync(join(out, `${file}.new`), { force: true });
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
        `the checkpoint ${run.checkpoint} holds no ${adapterFiles.join(' and ')} and no ${modelFiles.join(' and ')} on this machine: run the command where the coordinator keeps its data`,
      );
    }
    const out = fromHere(flags.out ?? `${id}-${found.kind}`);
    copyInto(found, out);
    const result = {
      run: id,
      kind: found.kind,
      directory: out,
      files: found.files,
      step: run.step,
      versionSha256: run.versionSha256,
    };
    if (flags.json) printJson(result);
    else
      print(
        `${out}: ${found.files.join(', ')} (${found.kind === 'adapter' ? 'a PEFT adapter' : 'a Hugging Face model'}, from ${run.checkpoint})`,
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
