/** Encodes conversations whose last turn a reward model judges. Only the chat template adds special tokens. */
import { at, required } from '@gapo/numeric';
import type { ChatTemplate, Turn } from './chatTemplate.js';
import { longestThatFits } from './longestThatFits.js';
import type { Tokenizer } from './tokenizer.js';

/** The part of a conversation that is shortened if it is too long. */
export interface Shortening {
  /** The turns before the last, the last, or nothing. @default 'history' */
  readonly shortened?: 'history' | 'reply' | 'none';
  /** The side from which characters are removed. @default 'left' */
  readonly side?: 'left' | 'right';
}

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
   * Encodes a conversation as at most `maxTokens` token ids. If it is longer, characters are removed from a part of it
   * until the rest fits.
   *
   * @returns undefined if the rest alone is too long
   * @throws UserError if the template refuses the conversation
   */
  async encode(
    turns: readonly Turn[],
    maxTokens: number,
    { shortened = 'history', side = 'left' }: Shortening = {},
  ): Promise<number[] | undefined> {
    const isShortened = (_: Turn, i: number): boolean => (i === turns.length - 1) === (shortened === 'reply');
    const parts = turns.map((turn, i) => (isShortened(turn, i) ? [...turn.content] : []));
    const all = parts.reduce((sum, { length }) => sum + length, 0);
    return longestThatFits(all, maxTokens, shortened !== 'none', async (count) => {
      const kept = keeping(parts, count, side);
      const rendered = turns.map((turn, i) => (isShortened(turn, i) ? { ...turn, content: at(kept, i) } : turn));
      const ids = await this.#tokenizer.encode(this.#template.render(rendered, false));
      return ids.length <= maxTokens ? ids : undefined;
    });
  }
}

/** Removes characters from one side of a text given in parts, so that `count` remain. Returns the remaining parts. */
function keeping(parts: readonly (readonly string[])[], count: number, side: 'left' | 'right'): readonly string[] {
  const ordered = side === 'left' ? [...parts].reverse() : parts;
  let left = count;
  const kept = ordered.map((characters) => {
    const length = Math.min(left, characters.length);
    left -= length;
    return (side === 'left' ? characters.slice(characters.length - length) : characters.slice(0, length)).join('');
  });
  return side === 'left' ? kept.reverse() : kept;
}
