/** The files of a tokenizer in a model's directory. */
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ModelError } from '../errors.js';
import { readJson } from '../files.js';
import { furtherTemplates } from './templateSource.js';

const ofTokenizer =
  /^(tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|chat_template|tekken)\.json$|\.(model|jinja|tiktoken)$|^(merges|vocab)\.txt$/;

/**
 * Returns the files of a directory's tokenizer, including its chat templates. Their paths are relative to the directory,
 * with `/` between folder and name, in alphabetical order.
 *
 * @throws ModelError if the directory cannot be read
 */
export async function tokenizerFiles(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    throw new ModelError(directory, error.code === 'ENOENT' ? 'does not exist' : `cannot be read: ${error.message}`);
  });
  const further = await readdir(join(directory, furtherTemplates)).catch((): string[] => []);
  return [
    ...names.filter((name) => ofTokenizer.test(name)),
    ...further.filter((name) => ofTokenizer.test(name)).map((name) => `${furtherTemplates}/${name}`),
  ].sort();
}

/**
 * Copies a directory's tokenizer into another.
 *
 * @throws ModelError if the directory cannot be read
 */
export async function copyTokenizer(from: string, to: string): Promise<void> {
  for (const name of await tokenizerFiles(from)) {
    await mkdir(dirname(join(to, name)), { recursive: true });
    await copyFile(join(from, name), join(to, name));
  }
}

/**
 * Configures Hugging Face's padding in DIR/tokenizer_config.json: on the right, with a token.
 *
 * @param token undefined if no token is suitable
 */
export async function setPadding(directory: string, token: string | undefined): Promise<void> {
  const path = join(directory, 'tokenizer_config.json');
  const settings = await readJson(path);
  await writeFile(path, `${JSON.stringify({ ...settings, pad_token: token, padding_side: 'right' }, undefined, 2)}\n`);
}
