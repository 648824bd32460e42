/** The chat template of a classifier whose base has none: every turn ends with the end token, and roles are not told. */
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { JudgedConversation, Tokenizer } from '@gapo/model';

const plainTemplate =
  '{% if bos_token is defined %}{{ bos_token }}{% endif %}{% for message in messages %}' +
  "{{ message['content'] }}{% if eos_token is defined %}{{ eos_token }}{% else %}{{ '\\n' }}{% endif %}{% endfor %}";

/** A directory's tokenizer, and conversations through it. */
export interface TokenizerWithTemplate {
  readonly tokenizer: Tokenizer;
  readonly conversation: JudgedConversation;
}

/**
 * The tokenizer of a directory, which afterwards has a tokenizer_config.json and a chat template in any case.
 *
 * @throws ModelError where its files are damaged
 */
export async function readTokenizerWithTemplate(directory: string): Promise<TokenizerWithTemplate> {
  const settings = join(directory, 'tokenizer_config.json');
  if ((await stat(settings).catch(() => undefined)) === undefined) await writeFile(settings, '{}\n');
  let tokenizer = await Tokenizer.read(directory);
  if (tokenizer.chatTemplate === undefined) {
    await writeFile(join(directory, 'chat_template.jinja'), plainTemplate);
    tokenizer = await Tokenizer.read(directory);
  }
  tokenizer.chatTemplate?.assertExchange();
  return { tokenizer, conversation: new JudgedConversation(tokenizer) };
}
