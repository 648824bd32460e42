/**
 * Encodes the lines of data sets as a policy's token ids: prompts, completions, texts and conversations.
 *
 * The end token, in every form:
 *
 * - A completion ends with exactly one: the policy has to learn to stop, and a sampled completion has one. If the chat
 *   template or the text already ends with a token that the model stops at, none is added.
 * - Nothing after it is learned: sampling never gets there. A template's line break is dropped; words are an error.
 * - A prompt has none: the sampler would continue a text that has ended.
 */
import { UserError } from '@gapo/service';
import type { DecoderConfig } from '../decoderConfig.js';
import type { Turn } from './chatTemplate.js';
import type { Tokenizer } from './tokenizer.js';

/** A prompt and the completion to learn, as token ids. Both have at least one. */
export interface TokenSequence {
  readonly promptIds: readonly number[];
  /** Including the end token. */
  readonly completionIds: readonly number[];
}

/** The properties of a policy that the codec needs. */
export interface PolicyTokens {
  /** Tokens that end a completion. */
  readonly endIds: readonly number[];
  /** The end token that is added to a completion without one. */
  readonly endId: number;
  /** The longest sequence, in tokens. */
  readonly context: number;
}

/** The parts of a tokenizer that the codec uses. */
export type TextTokenizer = Pick<Tokenizer, 'decode' | 'encode' | 'encodePrompt' | 'renderChat'>;

/** Characters of a text that an error quotes. */
const shownCharacters = 40;

/** Encodes the lines of data sets for one policy. Every method throws UserError for a line that cannot be trained on. */
export class TextCodec {
  readonly #tokenizer: TextTokenizer;
  readonly #policy: PolicyTokens;

  constructor(tokenizer: TextTokenizer, policy: PolicyTokens) {
    this.#tokenizer = tokenizer;
    this.#policy = policy;
  }

  /** Creates the codec of a model with its tokenizer. */
  static of(tokenizer: Tokenizer, config: DecoderConfig): TextCodec {
    const { eosIds: endIds, context } = config;
    return new TextCodec(tokenizer, { endIds, endId: tokenizer.endId(config), context });
  }

  /**
   * Encodes a prompt to sample from, through the chat template if there is one.
   *
   * @throws UserError if it has no tokens, or leaves no room for a completion
   */
  async prompt(text: string): Promise<readonly number[]> {
    const ids = this.#prompt(await this.#tokenizer.encodePrompt(text));
    const { context } = this.#policy;
    if (ids.length < context) return ids;
    throw new UserError(`the prompt has ${ids.length} tokens, the model's context ${context}; shorten it`);
  }

  /**
   * Encodes a prompt with its completion. The completion is encoded as if it had been sampled: the chat template only opens
   * the reply.
   *
   * @throws UserError if either has no tokens, or both are longer than the context
   */
  async exchange(prompt: string, completion: string): Promise<TokenSequence> {
    return this.#sequence(await this.#tokenizer.encodePrompt(prompt), await this.#tokenizer.encode(completion));
  }

  /**
   * Encodes a text that is learned from its second token on.
   *
   * @throws UserError if it has no tokens, or is longer than the context
   */
  async text(text: string): Promise<TokenSequence> {
    const [first, ...rest] = await this.#tokenizer.encode(text, { addSpecialTokens: true });
    if (first === undefined) throw new UserError('the text has no tokens');
    return this.#sequence([first], rest);
  }

  /**
   * Encodes a conversation through the chat template: one sequence per turn of the assistant, with all earlier turns as the
   * prompt.
   *
   * @throws UserError if no turn is the assistant's, the model has no chat template, or the template refuses a turn
   */
  async conversation(turns: readonly Turn[]): Promise<readonly TokenSequence[]> {
    const learned = turns.flatMap(({ role }, i) => (role === 'assistant' ? [i] : []));
    if (learned.length === 0) throw new UserError('no message has the role assistant, so there is nothing to learn');
    const sequences: TokenSequence[] = [];
    for (const i of learned) {
      const prompt = this.#render(turns.slice(0, i), true);
      const whole = this.#render(turns.slice(0, i + 1), false);
      if (!whole.startsWith(prompt)) {
        throw new UserError(
          `message ${i}: the chat template opens a reply differently than it writes one; write prompt and completion`,
        );
      }
      const completion = await this.#tokenizer.encode(whole.slice(prompt.length));
      sequences.push(await this.#sequence(await this.#tokenizer.encode(prompt), completion));
    }
    return sequences;
  }

  #render(turns: readonly Turn[], openReply: boolean): string {
    const text = this.#tokenizer.renderChat(turns, openReply);
    if (text !== undefined) return text;
    throw new UserError(
      'the model has no chat template (chat_template in tokenizer_config.json); write prompt and completion',
    );
  }

  #prompt(ids: readonly number[]): readonly number[] {
    if (ids.length === 0) throw new UserError('the prompt has no tokens');
    return ids;
  }

  async #sequence(promptIds: readonly number[], ids: readonly number[]): Promise<TokenSequence> {
    const completionIds = await this.#ended(ids);
    const tokens = this.#prompt(promptIds).length + completionIds.length;
    const { context } = this.#policy;
    if (tokens > context) {
      throw new UserError(`it has ${tokens} tokens, the model's context is ${context}; shorten it`);
    }
    return { promptIds, completionIds };
  }

  /**
   * Returns a completion up to its first end token, or with one added.
   *
   * @throws UserError if words follow an end token
   */
  async #ended(ids: readonly number[]): Promise<readonly number[]> {
    const { endId, endIds } = this.#policy;
    const end = ids.findIndex((id) => endIds.includes(id));
    if (end < 0) return [...ids, endId];
    const after = (await this.#tokenizer.decode(ids.slice(end + 1))).trim();
    if (after !== '') {
      const shown = after.length > shownCharacters ? `${after.slice(0, shownCharacters)}…` : after;
      throw new UserError(
        `an end token comes before ${JSON.stringify(shown)}: the model would stop there; remove it, or write two lines`,
      );
    }
    return ids.slice(0, end + 1);
  }
}
