/** A classifier's version: one text that changes whenever the same item may get another score. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelError } from '@gapo/model';
import { canonicalJson } from '@gapo/settings';
import type { ClassifierConfig } from './classifierConfig.js';

/** Raised by whoever changes how items become tokens, or logits scores. */
const scoringRevision = 1;

/** Digits of the part that stands for everything but the weights. */
const shortDigits = 16;

/**
 * `<SHA-256 of the weights>+<16 digits over graph, tokenizer, chat template and settings>`, hexadecimal. The weights are the
 * *.safetensors files in the order of their names, or model.onnx where there is none.
 */
export async function fingerprint(directory: string, config: ClassifierConfig): Promise<string> {
  const names = await readdir(directory);
  const separate = names.filter((name) => name.endsWith('.safetensors')).sort();
  // Other files that onnxruntime exporters put weights into: model.onnx.data, model.onnx_data.
  const others = names.filter((name) => /^model\.onnx[._]data/.test(name)).sort();
  const weights = separate.length > 0 ? separate : ['model.onnx'];
  const template = names.filter((name) => name === 'chat_template.jinja');
  const rest = ['model.onnx', ...others, 'tokenizer.json', 'tokenizer_config.json', ...template];
  const weightSha = await sha256OfFiles(weights.map((name) => join(directory, name)));
  const restSha = await sha256OfFiles(
    rest.map((name) => join(directory, name)),
    canonicalJson({ scoringRevision, maxTokens: config.maxTokens, padId: config.padId, label: config.label }),
  );
  return `${weightSha}+${restSha.slice(0, shortDigits)}`;
}

async function sha256OfFiles(paths: readonly string[], text = ''): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) {
    try {
      for await (const bytes of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(bytes as Buffer);
    } catch (error) {
      throw new ModelError(path, `cannot be read: ${(error as Error).message}`);
    }
  }
  return hash.update(text).digest('hex');
}
