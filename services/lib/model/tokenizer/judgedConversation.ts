/** Encodes conversations whose last turn a reward model judges. Only the chat template adds special tokens. */
import { required } from '@gapo/numeric';
import type { ChatTemplate, Turn } from './chatTemplate.js';
import { longestThatFits } from './longestThatFits.js';
import type { Tokenizer } from './tokenizer.js';

/** Renders and encodes conversations for one reward model. */
export class JudgedConversation {
  readonly #tokenizer: Tokenizer;
  readonly #template: ChatTemplate;

  /** @throws Error if the tokenizer has no chat template */
  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
    this.#template = required(tokenizer.chatTemplate, 'the chat template');
  }

  /**
   * Encodes a conversation as at most `maxTokens` token ids. If it is longer, the turns before the last lose characters from
   * their left until the rest fits. The last turn, which is judged, stays whole.
   *
   * @returns undefined if the last turn alone is too long
   * @throws UserError if the template refuses the conversation
   */
  async encode(turns: readonly Turn[], maxTokens: number): Promise<number[] | undefined> {
    const history = turns.slice(0, -1).map(({ role, content }) => ({ role, characters: [...content] }));
    const all = history.reduce((sum, { characters }) => sum + characters.length, 0);
    return longestThatFits(all, maxTokens, true, async (count) => {
      let lost = all - count;
      const kept = history.map(({ role, characters }): Turn => {
        const content = characters.slice(lost).join('');
        lost = Math.max(0, lost - characters.length);
        return { role, content };
      });
      const ids = await this.#tokenizer.encode(this.#template.render([...kept, ...turns.slice(-1)], false));
      return ids.length <= maxTokens ? ids : undefined;
    });
  }
}
