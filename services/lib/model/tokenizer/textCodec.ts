/**
 * Encodes the rows of data sets as a policy's token ids: prompts, completions, texts and conversations.
 *
 * A completion is encoded within its conversation, never alone: tokenizers like SentencePiece prepend a space to their input,
 * and tokens merge across the boundary.
 *
 * - With a chat template, the conversation is rendered and encoded twice: up to the reply, which the template opens, and with
 *   the reply. Without one, the prompt's text is encoded alone and followed by the completion's.
 * - The prompt is the common prefix of both encodings, and the completion is the rest of the second. A token across the
 *   boundary belongs to the completion. So does anything that the template writes only around a finished reply, such as an
 *   empty `<think>`. TRL splits at the same place.
 * - All completions of a prompt are split at the same place, so that their prompts are equal.
 *
 * The end token, in all formats:
 *
 * - A completion ends with exactly one: the policy has to learn to stop, and a sampled completion has one. It is the first
 *   token that the model stops at: one in the text, or the one that the template writes after a reply. If there is none, the
 *   model's own is added.
 * - Nothing after it is learned, because sampling never gets there. A template's line break is dropped; words are an error.
 * - A prompt has none at its end, because the sampler would then continue a text that has ended.
 *
 * A prompt begins with the tokens that the tokenizer prepends, unless its text already begins with them. A template writes
 * them itself.
 */
import { at } from '@gapo/numeric';
import { UserError } from '@gapo/service';
import type { DecoderConfig } from '../decoderConfig.js';
import type { Turn } from './chatTemplate.js';
import {
  type Encoded,
  encodeItems,
  type Fitted,
  OverlongError,
  type Plan,
  sharedLength,
  together,
} from './encodings.js';
import type { Prompt } from './prompt.js';
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

/** What happens to a row that does not fit the context: an error, skipped by the reader, or truncated on the left. */
export type Overlong = 'refuse' | 'drop' | 'truncate-left';

/** Options of a codec. */
export interface CodecOptions {
  /** @default 'refuse' */
  readonly overlong?: Overlong;
  /** Tokens of the context that a prompt leaves free for its completion. @default 1 */
  readonly reserved?: number;
}

/** The parts of a tokenizer that the codec uses. */
export type TextTokenizer = Pick<
  Tokenizer,
  'decode' | 'encodeAll' | 'renderChat' | 'affixes' | 'bosId' | 'longestToken'
>;

/** A turn of a conversation to learn from. */
export interface LearnedTurn extends Turn {
  /** Whether a turn of the assistant is learned. @default true */
  readonly learned?: boolean;
}

/** Completions of one prompt, as token ids. */
export interface TokenCompletions {
  readonly promptIds: readonly number[];
  /** Each includes its end token. */
  readonly completionIds: readonly (readonly number[])[];
}

/** Maximum number of ids remembered as whitespace. */
const mostBlankIds = 8;

/** Maximum characters of a text that is encoded in order to be truncated. */
const longestCut = 1 << 24;

/** Encodes rows for one policy. A row that cannot be used for training becomes an error, and the others are encoded. */
export class TextCodec {
  readonly #tokenizer: TextTokenizer;
  readonly #policy: PolicyTokens;
  readonly #overlong: Overlong;
  readonly #reserved: number;
  /** Ids after an end token that are whitespace. */
  readonly #blank = new Set<string>();

  constructor(
    tokenizer: TextTokenizer,
    policy: PolicyTokens,
    { overlong = 'refuse', reserved = 1 }: CodecOptions = {},
  ) {
    this.#tokenizer = tokenizer;
    this.#policy = policy;
    this.#overlong = overlong;
    this.#reserved = reserved;
  }

  /** Creates the codec of a model with its tokenizer. */
  static of(tokenizer: Tokenizer, config: DecoderConfig, options?: CodecOptions): TextCodec {
    const { eosIds: endIds, context } = config;
    return new TextCodec(tokenizer, { endIds, endId: tokenizer.endId(config), context }, options);
  }

  /** Encodes prompts to sample from. They leave room for a completion. */
  prompts(prompts: readonly Prompt[]): Promise<readonly Encoded<readonly number[]>[]> {
    return this.#encode(prompts, (prompt) => {
      const opened = this.#opened(prompt);
      return {
        texts: [opened.text],
        complete: async ([ids = []]) => this.#fitPrompt(this.#nonEmpty(opened.prefixed(ids))),
      };
    });
  }

  /** Encodes prompts with their completions. The prompt's ids are the same for all completions of one prompt. */
  completions(
    items: readonly { readonly prompt: Prompt; readonly completions: readonly string[] }[],
  ): Promise<readonly Encoded<TokenCompletions>[]> {
    return this.#encode(items, ({ prompt, completions }) => this.#completions(prompt, completions));
  }

  /**
   * Encodes conversations through the chat template: one sequence per learned assistant turn, with all earlier turns as the
   * prompt. An assistant turn at the start of the conversation replies to nothing and is not learned.
   */
  conversations(
    conversations: readonly (readonly LearnedTurn[])[],
  ): Promise<readonly Encoded<readonly TokenSequence[]>[]> {
    return this.#encode(conversations, (turns) => {
      const learned = turns.flatMap(({ role, learned = true }, i) =>
        role === 'assistant' && learned && i > 0 ? [i] : [],
      );
      if (learned.length === 0) {
        throw new UserError('no message after the first has the role assistant, so there is nothing to learn');
      }
      return together(
        learned.map((i) => {
          return this.#exchange({
            prompt: { text: undefined, turns: turns.slice(0, i) },
            completion: at(turns, i).content,
          });
        }),
      );
    });
  }

  /** Encodes texts, and prompts with one completion, as sequences to learn. */
  learned(
    items: readonly ({ readonly text: string } | { readonly prompt: Prompt; readonly completion: string })[],
  ): Promise<readonly Encoded<TokenSequence>[]> {
    return this.#encode(items, (item) => ('text' in item ? this.#textPlan(item.text) : this.#exchange(item)));
  }

  #encode<Item, T>(items: readonly Item[], plan: (item: Item) => Plan<T>): Promise<readonly Encoded<T>[]> {
    return encodeItems(items, (texts) => this.#tokenizer.encodeAll(texts), plan);
  }

  /** Plans a text that is learned from its second token on. */
  #textPlan(text: string): Plan<TokenSequence> {
    this.#refuseHuge(text.length);
    return { texts: [text], complete: ([ids = []]) => this.#text(this.#withAffixes(ids)) };
  }

  #exchange({ prompt, completion }: { readonly prompt: Prompt; readonly completion: string }): Plan<TokenSequence> {
    const { texts, complete } = this.#completions(prompt, [completion]);
    return {
      texts,
      complete: async (ids) => {
        const { value, truncated } = await complete(ids);
        return { value: { promptIds: value.promptIds, completionIds: at(value.completionIds, 0) }, truncated };
      },
    };
  }

  #completions(prompt: Prompt, completions: readonly string[]): Plan<TokenCompletions> {
    const opened = this.#opened(prompt, completions);
    const wholes = completions.map((completion) => this.#closed(prompt, opened, completion));
    return {
      texts: [opened.text, ...wholes],
      complete: async ([own = [], ...encoded]) => {
        const alone = opened.prefixed(own);
        const all = encoded.map((ids) => opened.prefixed(ids));
        const cut = Math.min(...all.map((ids) => sharedLength(alone, ids)));
        const completionIds = await Promise.all(all.map((ids) => this.#ended(ids.slice(cut))));
        return this.#fit({ promptIds: this.#nonEmpty(alone.slice(0, cut)), completionIds });
      },
    };
  }

  /**
   * Returns the text of a prompt up to the reply, and the function that adds the tokens that the tokenizer prepends.
   *
   * @throws UserError if it is too long, or has messages but the model has no chat template
   */
  #opened({ text, turns }: Prompt, completions: readonly string[] = []): OpenedPrompt {
    const characters = turns.reduce((sum, { content }) => sum + content.length, 0);
    this.#refuseHuge(characters + Math.max(0, ...completions.map(({ length }) => length)));
    const rendered = this.#tokenizer.renderChat(turns, true);
    if (rendered !== undefined) return { text: rendered, rendered: true, prefixed: (ids) => ids };
    if (text !== undefined) return { text, rendered: false, prefixed: (ids) => this.#prefixed(ids) };
    throw new UserError(
      'the model has no chat template (chat_template in tokenizer_config.json) for messages; write prompt and completion as texts',
    );
  }

  /**
   * Returns the text of a prompt with its completion.
   *
   * @throws UserError if the template omits part of the completion, or writes the prompt differently when a completion follows
   */
  #closed({ turns }: Prompt, opened: OpenedPrompt, completion: string): string {
    if (!opened.rendered) return opened.text + completion;
    const render = (some: readonly Turn[]): string => this.#tokenizer.renderChat(some, false) ?? '';
    const whole = render([...turns, { role: 'assistant', content: completion }]);
    if (!withoutSpace(whole).includes(withoutSpace(completion))) {
      throw new UserError(
        'the chat template leaves out a part of the reply, such as its <think>; remove that part, or change the template',
      );
    }
    const shared = sharedLength(opened.text, whole);
    if (shared < opened.text.length && shared < sharedLength(opened.text, render(turns))) {
      throw new UserError(
        'the chat template writes the turns before a reply differently once the reply is there, as some do with a system ' +
          'turn; change the template, or write that turn into the user’s',
      );
    }
    return whole;
  }

  /**
   * Refuses a text before it is rendered or encoded.
   *
   * @throws OverlongError if it cannot fit the context even with the longest tokens, or is too long to be truncated
   */
  #refuseHuge(characters: number): void {
    const { context } = this.#policy;
    const most = context * this.#tokenizer.longestToken;
    if (characters <= (this.#overlong === 'truncate-left' ? Math.max(most, longestCut) : most)) return;
    throw new OverlongError(
      `it has ${characters} characters, too many for the model's context of ${context} tokens; shorten it, or set overlong`,
    );
  }

  #nonEmpty(ids: readonly number[]): readonly number[] {
    if (ids.length === 0) throw new UserError('the prompt has no tokens of its own; write a longer prompt');
    return ids;
  }

  #prefixed(ids: readonly number[]): readonly number[] {
    const { prepended } = this.#tokenizer.affixes;
    return sharedLength(prepended, ids) === prepended.length ? ids : [...prepended, ...ids];
  }

  #withAffixes(ids: readonly number[]): readonly number[] {
    return [...this.#prefixed(ids), ...this.#tokenizer.affixes.appended];
  }

  async #text(ids: readonly number[]): Promise<Fitted<TokenSequence>> {
    const { context } = this.#policy;
    const [first, ...rest] = ids;
    if (first === undefined) throw new UserError('the text has no tokens');
    const whole = [first, ...(await this.#ended(rest))];
    const { ids: kept, truncated } = this.#fitIds(
      whole,
      context,
      `it has ${whole.length} tokens, the model's context is ${context}`,
    );
    const [promptId, ...completionIds] = kept;
    return { value: { promptIds: promptId === undefined ? [] : [promptId], completionIds }, truncated };
  }

  #fitPrompt(ids: readonly number[]): Fitted<readonly number[]> {
    const { context } = this.#policy;
    const room = context - this.#reserved;
    if (room < 1) {
      throw new UserError(
        `completions of ${this.#reserved} tokens leave no room for a prompt in the model's context of ${context}; shorten them`,
      );
    }
    const limit =
      this.#reserved === 1
        ? `the model's context leaves ${room}`
        : `the model's context of ${context} leaves ${room} next to a completion of ${this.#reserved}`;
    const { ids: value, truncated } = this.#fitIds(ids, room, `the prompt has ${ids.length} tokens, ${limit}`);
    return { value, truncated };
  }

  #fit({ promptIds, completionIds }: TokenCompletions): Fitted<TokenCompletions> {
    const longest = Math.max(...completionIds.map(({ length }) => length));
    const { context } = this.#policy;
    if (this.#overlong === 'truncate-left' && longest >= context) {
      throw new OverlongError(`the completion has ${longest} tokens, the model's context is ${context}; shorten it`);
    }
    const why = `it has ${promptIds.length + longest} tokens, the model's context is ${context}`;
    const { ids, truncated } = this.#fitIds(promptIds, context - longest, why);
    return { value: { promptIds: ids, completionIds }, truncated };
  }

  /**
   * Returns at most `most` ids: the last ones, after the token that begins a text.
   *
   * @throws OverlongError if there are more and truncation is not enabled
   */
  #fitIds(
    ids: readonly number[],
    most: number,
    why: string,
  ): { readonly ids: readonly number[]; readonly truncated: boolean } {
    if (ids.length <= most) return { ids, truncated: false };
    if (this.#overlong !== 'truncate-left') throw new OverlongError(`${why}; shorten it, or set overlong`);
    const begins = ids[0] === this.#tokenizer.bosId && most > 1 ? ids.slice(0, 1) : [];
    return { ids: [...begins, ...ids.slice(ids.length - most + begins.length)], truncated: true };
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
    if (await this.#hasWords(ids.slice(end + 1))) {
      throw new UserError(
        `token ${end + 1} of the completion is an end token, and words follow: the model would stop there; remove it, or write two lines`,
      );
    }
    return ids.slice(0, end + 1);
  }

  /** Whether ids have text other than whitespace. Templates write the same few after every reply. */
  async #hasWords(ids: readonly number[]): Promise<boolean> {
    if (ids.length === 0) return false;
    const key = ids.slice(0, mostBlankIds).join();
    if (ids.length <= mostBlankIds && this.#blank.has(key)) return false;
    if ((await this.#tokenizer.decode(ids)).trim() !== '') return true;
    if (ids.length <= mostBlankIds) this.#blank.add(key);
    return false;
  }
}

/** A prompt's text up to the reply. */
interface OpenedPrompt {
  readonly text: string;
  /** Whether a chat template wrote it. */
  readonly rendered: boolean;
  /** Adds the tokens that the tokenizer prepends to a text. */
  readonly prefixed: (ids: readonly number[]) => readonly number[];
}

function withoutSpace(text: string): string {
  return text.replace(/\s+/g, '');
}
