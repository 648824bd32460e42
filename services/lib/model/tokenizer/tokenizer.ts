/** A model's tokenizer: tokenizer.json, and the chat template. */
import { join } from 'node:path';
import { at } from '@gapo/numeric';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import type { DecoderConfig } from '../decoderConfig.js';
import { ModelError } from '../errors.js';
import { readJson } from '../files.js';
import { ChatTemplate, type Turn, specialTokens } from './chatTemplate.js';
import { type PairTemplate, type PostProcessor, appendedTokens, pairTemplate } from './pairTemplate.js';

/** The members of the library in use. Its own declarations import without file extensions, which NodeNext does not resolve. */
interface LibraryTokenizer {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
  decode(ids: number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
  get_vocab(withAddedTokens: boolean): Map<string, number>;
  token_to_id(token: string): number | undefined;
  readonly post_processor: PostProcessor | null;
}

const tokenizerClass = HuggingFaceTokenizer as unknown as new (model: object, settings: object) => LibraryTokenizer;

/** The contents of a tokenizer's files without its vocabulary. */
interface Parts {
  readonly size: number;
  readonly chatTemplate: ChatTemplate | undefined;
  readonly pairTemplate: PairTemplate | undefined;
  readonly eosId: number | undefined;
  readonly appendedTokens: number;
}

/**
 * Converts text to token ids and back.
 *
 * @example
 * ```ts
 * import { Tokenizer } from '@gapo/model';
 *
 * const tokenizer = await Tokenizer.read('examples/assistant/models/policy');
 * const ids = tokenizer.encodePrompt('How do I reset my password?'); // through the chat template
 * console.log(ids.length, tokenizer.decode(ids));
 * ```
 */
export class Tokenizer {
  /** Undefined if the model has no chat template. */
  readonly chatTemplate: ChatTemplate | undefined;
  /** Undefined if the tokenizer has no template for two texts. */
  readonly pairTemplate: PairTemplate | undefined;
  /** One more than the largest id. */
  readonly size: number;

  readonly #library: LibraryTokenizer;
  readonly #eosId: number | undefined;
  /** The number of special tokens that the tokenizer appends to a text on request. */
  readonly #appendedTokens: number;

  private constructor(library: LibraryTokenizer, { size, chatTemplate, pairTemplate, eosId, appendedTokens }: Parts) {
    this.#library = library;
    this.size = size;
    this.chatTemplate = chatTemplate;
    this.pairTemplate = pairTemplate;
    this.#eosId = eosId;
    this.#appendedTokens = appendedTokens;
  }

  /**
   * Reads DIR/tokenizer.json, DIR/tokenizer_config.json and the chat template.
   *
   * @throws ModelError if one is missing or damaged
   */
  static async read(directory: string): Promise<Tokenizer> {
    const path = join(directory, 'tokenizer.json');
    const model = await readJson(path);
    const settings = await readJson(join(directory, 'tokenizer_config.json'));
    let library: LibraryTokenizer;
    let size = 0;
    try {
      library = new tokenizerClass(model, settings);
      for (const id of library.get_vocab(true).values()) size = Math.max(size, id + 1);
    } catch (error) {
      throw new ModelError(path, `is not a tokenizer: ${(error as Error).message}`);
    }
    const { post_processor: processor } = library;
    const segmented = (model['post_processor'] as { type?: unknown } | null)?.type !== 'RobertaProcessing';
    const { eos_token: eos } = specialTokens(settings);
    return new Tokenizer(library, {
      size,
      chatTemplate: await ChatTemplate.read(directory, settings),
      pairTemplate:
        processor === null ? undefined : pairTemplate(processor, (token) => library.token_to_id(token), segmented),
      eosId: eos === undefined ? undefined : library.get_vocab(true).get(eos),
      appendedTokens: processor === null ? 0 : appendedTokens(processor),
    });
  }

  /**
   * Checks that the model has an embedding for every token.
   *
   * @throws ModelError if it has fewer
   */
  assertFits(config: DecoderConfig, directory: string): void {
    if (this.size > config.vocabulary) {
      throw new ModelError(
        join(directory, 'tokenizer.json'),
        `has token ids up to ${this.size - 1}, but config.json says vocab_size ${config.vocabulary}; ` +
          'the tokenizer belongs to another model',
      );
    }
  }

  /**
   * Returns the token that ends a completion given as text: the tokenizer's eos_token if the model stops at it, as chat
   * models do at the end of a turn, otherwise the first token that the model stops at.
   */
  endId({ eosIds }: DecoderConfig): number {
    return this.#eosId !== undefined && eosIds.includes(this.#eosId) ? this.#eosId : at(eosIds, 0);
  }

  /** Encodes a text. Special tokens in the text become single ids; none are added by default. */
  encode(text: string, options: { readonly addSpecialTokens: boolean } = { addSpecialTokens: false }): number[] {
    return this.#library.encode(text, { add_special_tokens: options.addSpecialTokens }).ids;
  }

  /** Decodes token ids. Special tokens are left out unless they are to be kept. */
  decode(
    ids: readonly number[],
    { specialTokens = 'omit' }: { readonly specialTokens?: 'omit' | 'keep' } = {},
  ): string {
    if (ids.length === 0) return '';
    const options = { skip_special_tokens: specialTokens === 'omit', clean_up_tokenization_spaces: false };
    return this.#library.decode([...ids], options);
  }

  /**
   * Encodes a prompt as the policy reads it: through the chat template as one user turn with the reply opened; without a
   * template as the text after the tokens that the tokenizer prepends. Tokens that it appends are removed: the policy
   * continues a prompt, so no end token may close it.
   *
   * @throws UserError if the chat template refuses it
   */
  encodePrompt(prompt: string): number[] {
    const rendered = this.renderChat([{ role: 'user', content: prompt }], true);
    if (rendered !== undefined) return this.encode(rendered);
    const ids = this.encode(prompt, { addSpecialTokens: true });
    return ids.slice(0, ids.length - this.#appendedTokens);
  }

  /**
   * Renders a conversation through the chat template, and opens the next reply on request.
   *
   * @returns undefined if the model has no template
   * @throws UserError if the template refuses it
   */
  renderChat(turns: readonly Turn[], openReply: boolean): string | undefined {
    return this.chatTemplate?.render(turns, openReply);
  }
}
