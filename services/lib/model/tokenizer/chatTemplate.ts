/** Chat templates, which render a conversation as the text that a model was trained on. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '@gapo/service';
import { Template } from '@huggingface/jinja';
import { ModelError } from '../errors.js';
import { readBytes } from '../files.js';

/** One turn of a conversation. The template defines the roles, such as `user` and `assistant`. */
export interface Turn {
  readonly role: string;
  readonly content: string;
}

/** Returns a prompt and its completion as a conversation. */
export function exchange(prompt: string, completion: string): readonly Turn[] {
  return [
    { role: 'user', content: prompt },
    { role: 'assistant', content: completion },
  ];
}

export class ChatTemplate {
  readonly #template: Template;
  readonly #specialTokens: Readonly<Record<string, string>>;
  /** The file that it was read from. */
  readonly path: string;

  private constructor(template: Template, specialTokens: Readonly<Record<string, string>>, path: string) {
    this.#template = template;
    this.#specialTokens = specialTokens;
    this.path = path;
  }

  /**
   * Reads DIR/chat_template.jinja, or `chat_template` of tokenizer_config.json: a text, or a list with one named `default`.
   *
   * @param settings tokenizer_config.json
   * @param specialTokens variables of the template, such as `bos_token`
   * @returns undefined if there is none
   * @throws ModelError if it is not a template
   */
  static async read(
    directory: string,
    settings: Readonly<Record<string, unknown>>,
    specialTokens: Readonly<Record<string, string>> = {},
  ): Promise<ChatTemplate | undefined> {
    const file = join(directory, 'chat_template.jinja');
    const inFile = (await stat(file).catch(() => undefined)) !== undefined;
    const path = inFile ? file : join(directory, 'tokenizer_config.json');
    const source = inFile ? (await readBytes(file)).toString('utf8') : chosen(settings['chat_template']);
    if (source === undefined) return undefined;
    try {
      return new ChatTemplate(new Template(source), specialTokens, path);
    } catch (error) {
      throw new ModelError(path, `has a chat_template that cannot be parsed: ${(error as Error).message}`);
    }
  }

  /**
   * Checks that the template renders both a prompt and its completion, so that a classifier sees both.
   *
   * @throws ModelError if it leaves one out, or fails
   */
  assertExchange(): void {
    let rendered: string;
    try {
      rendered = this.#render(exchange('PROMPT', 'REPLY'), false);
    } catch (error) {
      throw new ModelError(this.path, `has a chat_template that fails: ${(error as Error).message}`);
    }
    if (!rendered.includes('PROMPT') || !rendered.includes('REPLY')) {
      throw new ModelError(this.path, 'has a chat_template that leaves out the prompt or the reply');
    }
  }

  /**
   * Renders a conversation, and opens the next reply on request.
   *
   * @throws UserError if the template refuses it, as some do with turns that do not alternate
   */
  render(turns: readonly Turn[], openReply: boolean): string {
    try {
      return this.#render(turns, openReply);
    } catch (error) {
      throw new UserError(`the chat template refuses it: ${(error as Error).message}`, { cause: error });
    }
  }

  #render(turns: readonly Turn[], openReply: boolean): string {
    return this.#template.render({
      messages: turns.map(({ role, content }) => ({ role, content })),
      add_generation_prompt: openReply,
      ...this.#specialTokens,
    });
  }
}

function chosen(template: unknown): string | undefined {
  if (typeof template === 'string') return template;
  if (!Array.isArray(template)) return undefined;
  const named = template as readonly { readonly name?: unknown; readonly template?: unknown }[];
  const found = named.find(({ name }) => name === 'default')?.template;
  return typeof found === 'string' ? found : undefined;
}
