/**
 * Prompt and completion as the classifier's own tokens: a conversation of two messages, one by the user and one by the
 * assistant, through the chat template of the classifier's directory.
 */
import { join } from 'node:path';
import { type ChatTemplate, ModelError, type Tokenizer, type Turn } from '@gapo/model';

/** Characters a token that a first look at a long prompt allows for; a longer prompt is looked at piece by piece. */
const roomyCharactersPerToken = 16;

/** Renders and encodes conversations. */
export class Conversation {
  private readonly tokenizer: Tokenizer;
  private readonly template: ChatTemplate;

  private constructor(tokenizer: Tokenizer, template: ChatTemplate) {
    this.tokenizer = tokenizer;
    this.template = template;
  }

  /**
   * Conversations through the tokenizer's chat template.
   * @param directory the classifier's, for errors.
   * @throws ModelError where there is none or it does not render a prompt with its reply.
   */
  static of(tokenizer: Tokenizer, directory: string): Conversation {
    const template = tokenizer.chatTemplate;
    if (template === undefined) {
      throw new ModelError(
        join(directory, 'tokenizer_config.json'),
        'has no chat_template; a classifier needs one to see a prompt and its reply',
      );
    }
    let rendered: string;
    try {
      rendered = template.render(exchange('PROMPT', 'REPLY'), false);
    } catch (error) {
      throw new ModelError(template.path, `has a chat_template that fails: ${(error as Error).message}`);
    }
    if (!rendered.includes('PROMPT') || !rendered.includes('REPLY')) {
      throw new ModelError(template.path, 'has a chat_template that leaves out the prompt or the reply');
    }
    return new Conversation(tokenizer, template);
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
      const ids = this.tokenizer.encode(this.template.render(exchange(kept, completion), false));
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
}

function exchange(prompt: string, completion: string): readonly Turn[] {
  return [
    { role: 'user', content: prompt },
    { role: 'assistant', content: completion },
  ];
}
