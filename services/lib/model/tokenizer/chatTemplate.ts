/** Chat templates, which render a conversation in the text format that a model was trained on. */
import { UserError } from '@gapo/service';
import { ModelError } from '../errors.js';
import { Template } from '../jinja/template.js';
import { TemplateError } from '../jinja/templateError.js';
import { templateSource } from './templateSource.js';

/** One turn of a conversation. The template defines the roles, such as `user` and `assistant`. */
export interface Turn {
  readonly role: string;
  readonly content: string;
}

/** The inputs of every rendering in addition to the conversation. */
export interface TemplateOptions {
  /** Variables such as `enable_thinking`. @default none */
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
  /** The time used by `strftime_now`, in UTC. @default the time at which the template is read */
  readonly now?: Date | undefined;
}

/** Names set by the rendering itself. */
export const templateVariables: readonly string[] = ['messages', 'tools', 'documents', 'add_generation_prompt'];

/** Returns a prompt and its completion as a conversation. */
export function exchange(prompt: string, completion: string): readonly Turn[] {
  return [
    { role: 'user', content: prompt },
    { role: 'assistant', content: completion },
  ];
}

/** A model's chat template. */
export class ChatTemplate {
  readonly #template: Template;
  readonly #variables: Readonly<Record<string, unknown>>;
  readonly #now: Date;
  /** The file that it was read from. */
  readonly path: string;

  private constructor(template: Template, path: string, variables: Readonly<Record<string, unknown>>, now: Date) {
    this.#template = template;
    this.#variables = variables;
    this.#now = now;
    this.path = path;
  }

  /**
   * Reads the chat template of a directory: chat_template.jinja, otherwise `chat_template` in tokenizer_config.json,
   * otherwise the one in chat_template.json.
   *
   * @param settings tokenizer_config.json
   * @param specialTokens variables of the template, such as `bos_token`
   * @returns undefined if there is none
   * @throws ModelError if it is not a template, or if there are several and none is the default
   */
  static async read(
    directory: string,
    settings: Readonly<Record<string, unknown>>,
    specialTokens: Readonly<Record<string, string>> = {},
    { variables = {}, now = new Date() }: TemplateOptions = {},
  ): Promise<ChatTemplate | undefined> {
    const found = await templateSource(directory, settings);
    if (found === undefined) return undefined;
    try {
      return new ChatTemplate(new Template(found.source), found.path, { ...specialTokens, ...variables }, now);
    } catch (error) {
      throw new ModelError(found.path, `has a chat_template that cannot be parsed: ${problemOf(error)}`);
    }
  }

  /**
   * Checks that the template renders both a prompt and its completion, so that a classifier sees both.
   *
   * @throws ModelError if it omits one, or fails
   */
  assertExchange(): void {
    let rendered: string;
    try {
      rendered = this.#render(exchange('PROMPT', 'REPLY'), false);
    } catch (error) {
      throw new ModelError(this.path, `has a chat_template that fails: ${problemOf(error)}`);
    }
    if (!rendered.includes('PROMPT') || !rendered.includes('REPLY')) {
      throw new ModelError(this.path, 'has a chat_template that leaves out the prompt or the reply');
    }
  }

  /**
   * Renders a conversation, and opens the next reply on request.
   *
   * @throws UserError with the line of the template, if it refuses the conversation, as some do if turns do not alternate
   */
  render(turns: readonly Turn[], openReply: boolean): string {
    try {
      return this.#render(turns, openReply);
    } catch (error) {
      throw new UserError(`the chat template refuses it: ${problemOf(error)}; the template is ${this.path}`, {
        cause: error,
      });
    }
  }

  #render(turns: readonly Turn[], openReply: boolean): string {
    const conversation = {
      messages: turns.map(({ role, content }) => ({ role, content })),
      tools: null,
      documents: null,
      add_generation_prompt: openReply,
    };
    return this.#template.render({ ...this.#variables, ...conversation }, this.#now);
  }
}

/**
 * Returns why a template failed, with the line.
 *
 * @throws any other error
 */
function problemOf(error: unknown): string {
  if (!(error instanceof TemplateError)) throw error;
  return `${error.message} (line ${error.line})`;
}
