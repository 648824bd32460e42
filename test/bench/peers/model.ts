/** The benchmark's decoder as a directory readable by transformers, vLLM and the scripts here. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LoraSpec, readDecoderModel, toHuggingFaceConfig, writeMergedModel, writeSafetensors } from '@gapo/model';
import { benchDecoder, benchShape, benchTrainable, benchVersion } from '../decoder.js';

/** Writes the decoder and its adapters. */
export async function writeDecoder(directory: string): Promise<void> {
  const model = benchDecoder();
  await mkdir(directory, { recursive: true });
  // Loaders require an end-of-sequence token. No peer stops at it.
  const config = toHuggingFaceConfig({ ...benchShape, eosIds: [2] }, 'LlamaForCausalLM');
  await writeFile(join(directory, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
  await writeSafetensors(
    join(directory, 'model.safetensors'),
    [...model.weights.values()].filter((weight) => 'data' in weight),
  );
  await writeSafetensors(join(directory, 'adapter.safetensors'), benchVersion(model));
  await writeFile(join(directory, 'lora.json'), JSON.stringify(benchTrainable.lora));
}

/** Writes the decoder with its adapters merged. */
export async function writeMerged(decoder: string, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const adapter = { lora: benchTrainable.lora as LoraSpec, tensors: benchVersion(benchDecoder()) };
  await writeMergedModel(await readDecoderModel(decoder), adapter, directory);
}
