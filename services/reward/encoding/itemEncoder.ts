/**
 * Encodes prompt and completion as a reward model's own tokens: two segments, one text, or a conversation in its chat
 * template, truncated to what the model accepts.
 */
import { join } from 'node:path';
import {
  JudgedConversation,
  ModelError,
  type PairTemplate,
  type Tokenizer,
  longestThatFits,
  roomyCharactersPerToken,
} from '@gapo/model';
import type { ScoreItem } from '@gapo/reward';
import { filledText, plainText } from './itemText.js';

/** How an item becomes tokens. */
export interface ItemForm {
  /** The conversation in the chat template, prompt and completion as two segments, or as one text. */
  readonly input: 'chat' | 'pair' | 'text';
  /** With `text`: the text, with {completion} and optionally {prompt}. @default '{prompt}{completion}' */
  readonly text?: string | undefined;
  /** The longest sequence in tokens, including special tokens. */
  readonly maxTokens: number;
  /** What is truncated if an item is longer. */
  readonly truncate: 'prompt' | 'completion' | 'none';
  /** The end at which tokens are removed. */
  readonly truncationSide: 'left' | 'right';
}

/** The names of an {@link ItemForm}'s settings in error messages. */
export interface FormSettings {
  /** The file that contains them. */
  readonly path: string;
  /** The key of `maxTokens`. */
  readonly maxTokens: string;
  /** Returns `input` with a value, as written in the file. */
  input(value: ItemForm['input']): string;
}

/** A sequence of tokens. */
export interface EncodedItem {
  readonly ids: readonly number[];
  /** `token_type_ids`; undefined if all are 0. */
  readonly segments?: readonly number[];
}

/** A sequence, or why the item has none. */
export type Encoding = EncodedItem | { readonly problem: string };

/** How many tokens next to a cut may differ from the uncut text's. */
const tokensAtCut = 32;

export interface ItemEncoder {
  encode(item: ScoreItem): Promise<Encoding>;
}

/**
 * Creates the encoder for a form.
 *
 * @param directory of the tokenizer, for error messages
 * @throws ModelError if the tokenizer lacks what it needs
 */
export function itemEncoder(
  tokenizer: Tokenizer,
  form: ItemForm,
  settings: FormSettings,
  directory: string,
): ItemEncoder {
  const { input, text = plainText } = form;
  const limits: Limits = { ...form, key: settings.maxTokens };
  if (input === 'chat') {
    assertTemplate(tokenizer, settings, directory);
    return new ConversationEncoder(limits, new JudgedConversation(tokenizer));
  }
  if (input === 'text') {
    return new SingleTextEncoder(limits, (prompt, completion) =>
      tokenizer.encode(filledText(text, prompt, completion), { addSpecialTokens: true }),
    );
  }
  const template = tokenizer.pairTemplate;
  if (template === undefined) {
    throw new ModelError(
      join(directory, 'tokenizer.json'),
      `has no post_processor for two texts; combine them another way, for example ${settings.input('text')}`,
    );
  }
  if (template.specialTokens >= form.maxTokens) {
    throw new ModelError(
      settings.path,
      `has ${settings.maxTokens} ${form.maxTokens}, which leaves no room beside the special tokens`,
    );
  }
  return new PairEncoder(tokenizer, template, limits);
}

/** @throws ModelError if the tokenizer has no chat template, or one that omits the prompt or the completion */
function assertTemplate(tokenizer: Tokenizer, settings: FormSettings, directory: string): void {
  const template = tokenizer.chatTemplate;
  if (template === undefined) {
    throw new ModelError(
      join(directory, 'tokenizer_config.json'),
      `has no chat_template; add one, or combine prompt and completion another way, for example ${settings.input('pair')}`,
    );
  }
  template.assertExchange();
}

/** The limits of a sequence, and the key of `maxTokens` in the file that contains them. */
type Limits = Pick<ItemForm, 'maxTokens' | 'truncate' | 'truncationSide'> & { readonly key: string };

/** Encodes the conversation of an item, with the completion as its last turn, through the chat template. */
class ConversationEncoder implements ItemEncoder {
  readonly #limits: Limits;
  readonly #conversation: JudgedConversation;

  constructor(limits: Limits, conversation: JudgedConversation) {
    this.#limits = limits;
    this.#conversation = conversation;
  }

  async encode({ turns, completion }: ScoreItem): Promise<Encoding> {
    const { maxTokens, truncate, truncationSide: side } = this.#limits;
    const shortened = ({ prompt: 'history', completion: 'reply', none: 'none' } as const)[truncate];
    const whole = [...turns, { role: 'assistant', content: completion }];
    return encodingOf(this.#limits, () => this.#conversation.encode(whole, maxTokens, { shortened, side }));
  }
}

/**
 * Encodes prompt and completion as one text. If it is too long, one of the two is cut by characters until the rest fits.
 */
class SingleTextEncoder implements ItemEncoder {
  readonly #limits: Limits;
  readonly #tokens: (prompt: string, completion: string) => Promise<number[]>;

  constructor(limits: Limits, tokens: (prompt: string, completion: string) => Promise<number[]>) {
    this.#limits = limits;
    this.#tokens = tokens;
  }

  async encode({ prompt, completion }: ScoreItem): Promise<Encoding> {
    const { maxTokens, truncate, truncationSide: side } = this.#limits;
    const characters = [...(truncate === 'completion' ? completion : prompt)];
    const keeping = async (count: number): Promise<number[] | undefined> => {
      const kept = (side === 'left' ? characters.slice(characters.length - count) : characters.slice(0, count)).join(
        '',
      );
      const ids = await (truncate === 'completion' ? this.#tokens(prompt, kept) : this.#tokens(kept, completion));
      return ids.length <= maxTokens ? ids : undefined;
    };
    return encodingOf(this.#limits, () => longestThatFits(characters.length, maxTokens, truncate !== 'none', keeping));
  }
}

/** Returns tokens as an encoding. No tokens means that not enough of the item fits. */
async function encodingOf(limits: Limits, tokens: () => Promise<number[] | undefined>): Promise<Encoding> {
  let ids: number[] | undefined;
  try {
    ids = await tokens();
  } catch (error) {
    return { problem: `the item cannot be encoded: ${(error as Error).message}` };
  }
  if (ids === undefined) return { problem: tooLong(limits) };
  return ids.length === 0 ? { problem: 'the item has no tokens' } : { ids };
}

/** Encodes two segments in the tokenizer's own template. If they are too long, one of them is cut by tokens. */
class PairEncoder implements ItemEncoder {
  readonly #tokenizer: Tokenizer;
  readonly #template: PairTemplate;
  readonly #limits: Limits;

  constructor(tokenizer: Tokenizer, template: PairTemplate, limits: Limits) {
    this.#tokenizer = tokenizer;
    this.#template = template;
    this.#limits = limits;
  }

  async encode({ prompt, completion }: ScoreItem): Promise<Encoding> {
    const { maxTokens, truncate, truncationSide: side } = this.#limits;
    const room = maxTokens - this.#template.specialTokens;
    let [first, second] = [await this.#tokensAt(side, prompt, room), await this.#tokensAt(side, completion, room)];
    const surplus = first.length + second.length - room;
    if (surplus > 0) {
      const shortened = truncate === 'completion' ? second : first;
      if (truncate === 'none' || surplus > shortened.length) return { problem: tooLong(this.#limits) };
      const kept = side === 'left' ? shortened.slice(surplus) : shortened.slice(0, shortened.length - surplus);
      if (truncate === 'completion') second = kept;
      else first = kept;
    }
    return this.#template.fill(first, second);
  }

  /**
   * Tokenizes a text. For a huge text, encodes only its end (or beginning): more than `room` tokens from that side, without
   * those next to the cut, which may differ from the whole text's.
   */
  async #tokensAt(side: 'left' | 'right', text: string, room: number): Promise<number[]> {
    for (let characters = roomyCharactersPerToken * (room + tokensAtCut); ; characters *= 2) {
      const part = side === 'left' ? text.slice(-characters) : text.slice(0, characters);
      const ids = await this.#tokenizer.encode(part);
      if (part.length === text.length) return ids;
      if (ids.length <= room + tokensAtCut) continue;
      return side === 'left' ? ids.slice(tokensAtCut) : ids.slice(0, ids.length - tokensAtCut);
    }
  }
}

function tooLong({ maxTokens, truncate, key }: Limits): string {
  if (truncate === 'none') return `the item is longer than ${key} ${maxTokens}; shorten it to be scored`;
  const whole = truncate === 'completion' ? 'prompt' : 'completion';
  return `the ${whole} alone is longer than ${key} ${maxTokens}; shorten it to be scored`;
}
