/** The files of a tokenizer in a model's directory. */
import { copyFile, cp, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelError } from '../errors.js';
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
