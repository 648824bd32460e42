/**
 * Encodes prompt and completion as the classifier's own tokens: two segments, one text, or a conversation in its chat
 * template, truncated to what the model takes.
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
import type { ClassifierConfig } from './classifierConfig.js';
import { filledText, optionHint, plainText } from './classifierOptions.js';

/** A sequence of tokens. */
export interface EncodedItem {
  readonly ids: readonly number[];
  /** `token_type_ids`; undefined if all are 0. */
  readonly segments?: readonly number[];
}

/** A sequence, or why the item has none. */
export type Encoding = EncodedItem | { readonly problem: string };

/** How many tokens beside a cut through a text the cut may have changed. */
const tokensAtCut = 32;

export interface ItemEncoder {
  encode(item: ScoreItem): Promise<Encoding>;
}

/**
 * Creates the encoder that the options select.
 *
 * @param directory the classifier's, for error messages
 * @throws ModelError if the tokenizer lacks what it needs
 */
export function itemEncoder(tokenizer: Tokenizer, config: ClassifierConfig, directory: string): ItemEncoder {
  const { input, text = plainText } = config.options;
  if (input === 'chat') {
    assertTemplate(tokenizer, config, directory);
    return new ConversationEncoder(config, new JudgedConversation(tokenizer));
  }
  if (input === 'text') {
    return new SingleTextEncoder(config, (prompt, completion) =>
      tokenizer.encode(filledText(text, prompt, completion), { addSpecialTokens: true }),
    );
  }
  const template = tokenizer.pairTemplate;
  if (template === undefined) {
    throw new ModelError(
      join(directory, 'tokenizer.json'),
      `has no post_processor for two texts; combine them otherwise, for example ${optionHint(config.optionsPath, 'input', 'text')}`,
    );
  }
  if (template.specialTokens >= config.maxTokens) {
    throw new ModelError(
      config.optionsPath,
      `has max_tokens ${config.maxTokens}, which leaves no room beside the special tokens`,
    );
  }
  return new PairEncoder(tokenizer, template, config);
}

/** @throws ModelError if the tokenizer has no chat template, or one that leaves out the prompt or the completion */
function assertTemplate(tokenizer: Tokenizer, config: ClassifierConfig, directory: string): void {
  const template = tokenizer.chatTemplate;
  if (template === undefined) {
    throw new ModelError(
      join(directory, 'tokenizer_config.json'),
      `has no chat_template; add one, or combine prompt and completion otherwise, for example ${optionHint(config.optionsPath, 'input', 'pair')}`,
    );
  }
  template.assertExchange();
}

/** Encodes the conversation of an item, with the completion as its last turn, through the chat template. */
class ConversationEncoder implements ItemEncoder {
  readonly #config: ClassifierConfig;
  readonly #conversation: JudgedConversation;

  constructor(config: ClassifierConfig, conversation: JudgedConversation) {
    this.#config = config;
    this.#conversation = conversation;
  }

  async encode({ turns, completion }: ScoreItem): Promise<Encoding> {
    const { maxTokens, options } = this.#config;
    const { truncate, truncation_side: side } = options;
    const shortened = ({ prompt: 'history', completion: 'reply', none: 'none' } as const)[truncate];
    const whole = [...turns, { role: 'assistant', content: completion }];
    return encodingOf(this.#config, () => this.#conversation.encode(whole, maxTokens, { shortened, side }));
  }
}

/** Encodes prompt and completion as one text. If it is too long, one of the two loses characters until the rest fits. */
class SingleTextEncoder implements ItemEncoder {
  readonly #config: ClassifierConfig;
  readonly #tokens: (prompt: string, completion: string) => Promise<number[]>;

  constructor(config: ClassifierConfig, tokens: (prompt: string, completion: string) => Promise<number[]>) {
    this.#config = config;
    this.#tokens = tokens;
  }

  async encode({ prompt, completion }: ScoreItem): Promise<Encoding> {
    const { maxTokens, options } = this.#config;
    const { truncate, truncation_side: side } = options;
    const characters = [...(truncate === 'completion' ? completion : prompt)];
    const keeping = async (count: number): Promise<number[] | undefined> => {
      const kept = (side === 'left' ? characters.slice(characters.length - count) : characters.slice(0, count)).join(
        '',
      );
      const ids = await (truncate === 'completion' ? this.#tokens(prompt, kept) : this.#tokens(kept, completion));
      return ids.length <= maxTokens ? ids : undefined;
    };
    return encodingOf(this.#config, () => longestThatFits(characters.length, maxTokens, truncate !== 'none', keeping));
  }
}

/** Returns tokens as an encoding; none means that not enough of the item fits. */
async function encodingOf(config: ClassifierConfig, tokens: () => Promise<number[] | undefined>): Promise<Encoding> {
  let ids: number[] | undefined;
  try {
    ids = await tokens();
  } catch (error) {
    return { problem: `the item cannot be encoded: ${(error as Error).message}` };
  }
  if (ids === undefined) return { problem: tooLong(config) };
  return ids.length === 0 ? { problem: 'the item has no tokens' } : { ids };
}

/** Encodes two segments in the tokenizer's own template. If they are too long, one of them loses tokens. */
class PairEncoder implements ItemEncoder {
  readonly #tokenizer: Tokenizer;
  readonly #template: PairTemplate;
  readonly #config: ClassifierConfig;

  constructor(tokenizer: Tokenizer, template: PairTemplate, config: ClassifierConfig) {
    this.#tokenizer = tokenizer;
    this.#template = template;
    this.#config = config;
  }

  async encode({ prompt, completion }: ScoreItem): Promise<Encoding> {
    const { maxTokens, options } = this.#config;
    const { truncate, truncation_side: side } = options;
    const room = maxTokens - this.#template.specialTokens;
    let [first, second] = [await this.#tokensAt(side, prompt, room), await this.#tokensAt(side, completion, room)];
    const surplus = first.length + second.length - room;
    if (surplus > 0) {
      const shortened = truncate === 'completion' ? second : first;
      if (truncate === 'none' || surplus > shortened.length) return { problem: tooLong(this.#config) };
      const kept = side === 'left' ? shortened.slice(surplus) : shortened.slice(0, shortened.length - surplus);
      if (truncate === 'completion') second = kept;
      else first = kept;
    }
    return this.#template.fill(first, second);
  }

  /**
   * Tokenizes a text. Of a huge text, only its end (or beginning) is encoded: more than `room` tokens of that side, without
   * those beside the cut, which may differ from the whole text's.
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

function tooLong({ maxTokens, options }: ClassifierConfig): string {
  if (options.truncate === 'none') return `the item is longer than max_tokens ${maxTokens}; shorten it to be scored`;
  const whole = options.truncate === 'completion' ? 'prompt' : 'completion';
  return `the ${whole} alone is longer than max_tokens ${maxTokens}; shorten it to be scored`;
}
