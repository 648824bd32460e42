/** Writes the result: a Hugging Face directory with the trained weights and the model's other files. */
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type DecoderModel,
  type LoraSpec,
  type NamedTensor,
  configWithDtype,
  copyTokenizer,
  tokenizerFiles,
  writeMergedModel,
  writeSafetensors,
} from '@gapo/model';
import { UserError } from '@gapo/service';

const configFile = 'config.json';
const generationFile = 'generation_config.json';
const weights = /\.safetensors(\.index\.json)?$/;

/**
 * Checks that a directory can receive the result.
 *
 * @throws UserError if it already contains a model
 */
export async function checkOut(out: string): Promise<void> {
  const present = await readdir(out).catch(() => undefined);
  if (present === undefined) return;
  const models = present.filter((name) => [configFile, generationFile].includes(name) || weights.test(name));
  const taken = [...models, ...(await tokenizerFiles(out))];
  if (taken.length > 0) {
    throw new UserError(
      `${out} already contains ${taken.join(', ')}: give another directory with --out, or remove them`,
    );
  }
}

/**
 * Writes the directory. Adapters are merged into the weights, which keep their element types. If every weight was trained,
 * they are float32.
 *
 * @param trained the adapters, or every weight
 */
export async function writeModel(
  out: string,
  model: DecoderModel,
  trained: readonly NamedTensor[],
  lora: LoraSpec | undefined,
): Promise<void> {
  await mkdir(out, { recursive: true });
  await copyTokenizer(model.directory, out);
  await copyFile(join(model.directory, generationFile), join(out, generationFile)).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  });
  if (lora !== undefined) await writeMergedModel(model, { lora, tensors: trained }, out);
  else {
    await writeFile(join(out, configFile), await configWithDtype(model, 'F32'));
    await writeSafetensors(join(out, 'model.safetensors'), trained);
  }
}
