/** The files of a tokenizer in a model's directory. */
import { copyFile, cp, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelError } from '../errors.js';
import { readJson } from '../files.js';
import { furtherTemplates } from './templateSource.js';

/** Whether a file of a model's directory belongs to its tokenizer, which includes the chat template. */
export function isTokenizerFile(name: string): boolean {
  return (
    /^(tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|chat_template|tekken)\.json$/.test(name) ||
    /\.(model|jinja|tiktoken)$|^(merges|vocab)\.txt$/.test(name)
  );
}

/**
 * Copies a directory's tokenizer into another.
 *
 * @throws ModelError if the directory cannot be read
 */
export async function copyTokenizer(from: string, to: string): Promise<void> {
  const names = await readdir(from).catch((error: NodeJS.ErrnoException) => {
    throw new ModelError(from, error.code === 'ENOENT' ? 'does not exist' : `cannot be read: ${error.message}`);
  });
  for (const name of names) if (isTokenizerFile(name)) await copyFile(join(from, name), join(to, name));
  const further = join(from, furtherTemplates);
  if ((await stat(further).catch(() => undefined))?.isDirectory() === true) {
    await cp(further, join(to, furtherTemplates), { recursive: true });
  }
}

/** Makes a token the one that pads, in DIR/tokenizer_config.json, so that Hugging Face pads with what the model expects. */
export async function setPadToken(directory: string, token: string): Promise<void> {
  const path = join(directory, 'tokenizer_config.json');
  const settings = await readJson(path);
  await writeFile(path, `${JSON.stringify({ ...settings, pad_token: token }, undefined, 2)}\n`);
}
