/** The chat template of a classifier whose base has none: every turn ends with the end token, and roles are left out. */
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { JudgedConversation, Tokenizer, type TokenizerOptions } from '@gapo/model';

const plainTemplate =
  '{% if bos_token is defined %}{{ bos_token }}{% endif %}{% for message in messages %}' +
  "{{ message['content'] }}{% if eos_token is defined %}{{ eos_token }}{% else %}{{ '\\n' }}{% endif %}{% endfor %}";

/** A directory's tokenizer, and the encoding of conversations with it. */
export interface TokenizerWithTemplate {
  readonly tokenizer: Tokenizer;
  readonly conversation: JudgedConversation;
}

/**
 * Reads the tokenizer of a directory, after adding a tokenizer_config.json and a chat template if they are missing.
 *
 * @throws ModelError if its files are damaged
 */
export async function readTokenizerWithTemplate(
  directory: string,
  options: TokenizerOptions,
): Promise<TokenizerWithTemplate> {
  const settings = join(directory, 'tokenizer_config.json');
  if ((await stat(settings).catch(() => undefined)) === undefined) await writeFile(settings, '{}\n');
  let tokenizer = await Tokenizer.read(directory, options);
  if (tokenizer.chatTemplate === undefined) {
    await writeFile(join(directory, 'chat_template.jinja'), plainTemplate);
    tokenizer = await Tokenizer.read(directory, options);
  }
  tokenizer.chatTemplate?.assertExchange();
  return { tokenizer, conversation: new JudgedConversation(tokenizer) };
}
