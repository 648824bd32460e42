/** Identifies a run's input files by hash. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256OfTensors, tokenizerFiles, type DecoderModel } from '@gapo/model';
import type { RunDataFile } from '@gapo/run-data';
import type { RunInputs } from '../../state/runInputs.js';
import type { StartingAdapter } from './startingAdapter.js';

/** Files in a model's directory, other than weights and tokenizer, that change what it computes. */
const configFiles: readonly string[] = ['config.json', 'generation_config.json'];

/** Returns the SHA-256 of the model's weights, of each file that configures it or its tokenizer, of the adapter, and of the data. */
export async function inputsOf(
  model: DecoderModel,
  start: StartingAdapter | undefined,
  data: readonly RunDataFile[],
): Promise<RunInputs> {
  const inputs: Record<string, string> = { 'policy.model weights': model.sha256 };
  const configs = (await readdir(model.directory)).filter((name) => configFiles.includes(name));
  for (const name of [...configs, ...(await tokenizerFiles(model.directory))].sort()) {
    const bytes = await readFile(join(model.directory, name));
    inputs[`policy.model ${name}`] = createHash('sha256').update(bytes).digest('hex');
  }
  if (start !== undefined && start.tensors.length > 0) inputs['policy.adapter'] = sha256OfTensors(start.tensors);
  for (const { key, sha256 } of data) inputs[`data.${key}`] = sha256;
  return inputs;
}
