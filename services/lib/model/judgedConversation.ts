/** Conversations whose last turn is judged, as tokens: through the chat template, which is all that adds special tokens. */
import type { ChatTemplate, Turn } from './chatTemplate.js';
import { longestThatFits } from './longestThatFits.js';
import type { Tokenizer } from './tokenizer.js';

/** Renders and encodes conversations. */
export class JudgedConversation {
  readonly #tokenizer: Tokenizer;
  readonly #template: ChatTemplate;

  constructor(tokenizer: Tokenizer, template: ChatTemplate) {
    this.#tokenizer = tokenizer;
    this.#template = template;
  }

  /**
   * Token ids of a conversation, at most `maxTokens` of them. Where there would be more, the turns before the last lose
   * characters from their left until the rest fits: the last is what is judged and stays whole.
   *
   * @returns undefined where the last turn does not fit even so
   * @throws what the template itself refuses
   */
  encode(turns: readonly Turn[], maxTokens: number): number[] | undefined {
    const history = turns.slice(0, -1).map(({ role, content }) => ({ role, characters: [...content] }));
    const all = history.reduce((sum, { characters }) => sum + characters.length, 0);
    return longestThatFits(all, maxTokens, true, (count) => {
      let lost = all - count;
      const kept = history.map(({ role, characters }): Turn => {
        const content = characters.slice(lost).join('');
        lost = Math.max(0, lost - characters.length);
        return { role, content };
      });
      const ids = this.#tokenizer.encode(this.#template.render([...kept, ...turns.slice(-1)], false));
      return ids.length <= maxTokens ? ids : undefined;
    });
  }
}
