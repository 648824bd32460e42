/** A classifier's version, which changes whenever the same item may get another score. */
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { tokenizerFiles } from '@gapo/model';
import { canonicalJson } from '@gapo/service';
import { sha256OfFiles } from '../encoding/digest.js';
import type { ClassifierConfig } from './classifierConfig.js';

/** Increase it when items map to different tokens, or logits to different scores. */
const scoringRevision = 4;

/** Hexadecimal digits of the scoring digest. */
const shortDigits = 16;

/**
 * Returns the SHA-256 (hex) of the weights: of the *.safetensors files next to the model in order of name, or of the model
 * if there are none.
 */
export async function weightsDigest(directory: string, { file }: Pick<ClassifierConfig, 'file'>): Promise<string> {
  const folder = dirname(file);
  const separate = (await readdir(join(directory, folder))).filter((name) => name.endsWith('.safetensors')).sort();
  return sha256OfFiles(directory, separate.length > 0 ? separate.map((name) => join(folder, name)) : [file]);
}

/** Returns a digest of everything else that affects a score: graph, tokenizer, chat template and options. */
export async function scoringDigest(directory: string, config: ClassifierConfig): Promise<string> {
  const { file, maxTokens, padId, label, exclusive, options } = config;
  // Other files used by onnxruntime exporters for weights: model.onnx.data, model.onnx_data.
  const isData = (name: string): boolean => name.startsWith(basename(file)) && /^[._]data/.test(name.slice(basename(file).length)); // prettier-ignore
  const others = (await readdir(join(directory, dirname(file)))).filter(isData).sort();
  const data = others.map((name) => join(dirname(file), name));
  const files = [file, ...data, ...(await tokenizerFiles(directory))];
  const { function_to_apply, ignore_keys, input, output, text, truncate, truncation_side } = options;
  const decoding = { label, exclusive, function_to_apply };
  const settings = { maxTokens, padId, ...decoding, ignore_keys, input, output, text, truncate, truncation_side };
  const digest = await sha256OfFiles(directory, files, canonicalJson({ scoringRevision, ...settings }));
  return digest.slice(0, shortDigits);
}
