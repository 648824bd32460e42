/**
 * Prompt and completion as the classifier's own tokens: a conversation of two messages, one by the user and one by the
 * assistant, through the chat template of the classifier's directory.
 */
import { join } from 'node:path';
import { Template } from '@huggingface/jinja';
import { ModelError, type Tokenizer } from '@gapo/model';
import { readText } from './classifierConfig.js';

/** One turn of a conversation. */
export interface ChatMessage {
  readonly role: 'user' | 'assistant';
  readonly content: string;
}

/** Characters a token that a first look at a long prompt allows for; a longer prompt is looked at piece by piece. */
const roomyCharactersPerToken = 16;

/** Renders and encodes conversations. */
export class Conversation {
  private readonly tokenizer: Tokenizer;
  private readonly template: Template;
  private readonly specialTokens: Readonly<Record<string, string>>;

  private constructor(tokenizer: Tokenizer, template: Template, specialTokens: Readonly<Record<string, string>>) {
    this.tokenizer = tokenizer;
    this.template = template;
    this.specialTokens = specialTokens;
  }

  /**
   * Reads the chat template: `chat_template` of DIR/tokenizer_config.json.
   * @throws ModelError where there is none or it does not render a prompt with its reply.
   */
  static async read(directory: string, tokenizer: Tokenizer): Promise<Conversation> {
    const path = join(directory, 'tokenizer_config.json');
    const settings = JSON.parse(await readText(path)) as Record<string, unknown>;
    const source = settings['chat_template'];
    if (typeof source !== 'string') {
      throw new ModelError(path, 'has no chat_template; a classifier needs one to see a prompt and its reply');
    }
    const specialTokens: Record<string, string> = {};
    for (const [key, value] of Object.entries(settings)) {
      if (!key.endsWith('_token')) continue;
      if (typeof value === 'string') specialTokens[key] = value;
      else if (typeof value === 'object' && value !== null && 'content' in value)
        specialTokens[key] = String(value.content);
    }
    let conversation: Conversation;
    let rendered: string;
    try {
      conversation = new Conversation(tokenizer, new Template(source), specialTokens);
      rendered = conversation.render(exchange('PROMPT', 'REPLY'));
    } catch (error) {
      throw new ModelError(path, `has a chat_template that fails: ${(error as Error).message}`);
    }
    if (!rendered.includes('PROMPT') || !rendered.includes('REPLY')) {
      throw new ModelError(path, 'has a chat_template that leaves out the prompt or the reply');
    }
    return conversation;
  }

  /** Token ids of a conversation. */
  encodeChat(messages: readonly ChatMessage[]): number[] {
    return this.tokenizer.encode(this.render(messages));
  }

  /**
   * Token ids of a prompt and its completion, at most `maxTokens` of them. Where there would be more, the prompt loses
   * characters from its left until the rest fits: the completion is what is judged and stays whole.
   * @returns undefined where the completion does not fit even without a prompt.
   */
  encode(prompt: string, completion: string, maxTokens: number): number[] | undefined {
    const characters = [...prompt];
    const withLast = (count: number): number[] | undefined => {
      const kept = count === 0 ? '' : count === characters.length ? prompt : characters.slice(-count).join('');
      const ids = this.encodeChat(exchange(kept, completion));
      return ids.length <= maxTokens ? ids : undefined;
    };
    // Grows what is kept until it no longer fits, so that a huge prompt is never tokenised whole, then bisects.
    let fits = 0;
    let best: number[] | undefined;
    let count = Math.min(characters.length, roomyCharactersPerToken * maxTokens);
    for (;;) {
      const ids = withLast(count);
      if (ids === undefined) break;
      if (count === characters.length) return ids;
      [fits, best] = [count, ids];
      count = Math.min(characters.length, 2 * count);
    }
    if (count === 0) return undefined;
    best ??= withLast(0);
    if (best === undefined) return undefined;
    for (let tooMany = count; tooMany - fits > 1;) {
      const middle = Math.floor((fits + tooMany) / 2);
      const ids = withLast(middle);
      if (ids === undefined) tooMany = middle;
      else [fits, best] = [middle, ids];
    }
    return best;
  }

  private render(messages: readonly ChatMessage[]): string {
    return this.template.render({
      messages: messages.map((message) => ({ ...message })),
      add_generation_prompt: false,
      ...this.specialTokens,
    });
  }
}

function exchange(prompt: string, completion: string): readonly ChatMessage[] {
  return [
    { role: 'user', content: prompt },
    { role: 'assistant', content: completion },
  ];
}
