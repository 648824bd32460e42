/** A model's tokenizer: tokenizer.json, and the chat template. */
import { join } from 'node:path';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { ChatTemplate, type Turn, specialTokens } from './chatTemplate.js';
import type { DecoderConfig } from './decoderConfig.js';
import { ModelError } from './errors.js';
import { readJson } from './jsonFile.js';
import { type PairTemplate, type PostProcessor, pairTemplate, tokensBehind } from './sequenceTemplate.js';

/** What is used of the library. Its own declarations import without file extensions, which NodeNext does not resolve. */
interface TextTokenizer {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
  decode(ids: number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
  get_vocab(withAddedTokens: boolean): Map<string, number>;
  token_to_id(token: string): number | undefined;
  readonly post_processor: PostProcessor | null;
}

const TextTokenizer = HuggingFaceTokenizer as unknown as new (model: object, settings: object) => TextTokenizer;

/**
 * Text to token ids and back.
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
  readonly #tokenizer: TextTokenizer;
  /** How the model reads conversations; undefined where it has no template for them. */
  readonly chatTemplate: ChatTemplate | undefined;
  /** How two texts become one sequence; undefined where the tokenizer has no way of its own. */
  readonly pairTemplate: PairTemplate | undefined;
  /** One more than the largest id. */
  readonly size: number;

  readonly #eosId: number | undefined;
  /** Special tokens that the tokenizer adds behind a text when asked for them. */
  readonly #tokensBehind: number;

  private constructor(
    tokenizer: TextTokenizer,
    size: number,
    eosId: number | undefined,
    chatTemplate: ChatTemplate | undefined,
    pair: PairTemplate | undefined,
    tokensBehind: number,
  ) {
    this.#tokenizer = tokenizer;
    this.#eosId = eosId;
    this.#tokensBehind = tokensBehind;
    this.size = size;
    this.chatTemplate = chatTemplate;
    this.pairTemplate = pair;
  }

  /** Reads DIR/tokenizer.json and DIR/tokenizer_config.json. Throws ModelError where one is missing or damaged. */
  static async read(directory: string): Promise<Tokenizer> {
    const path = join(directory, 'tokenizer.json');
    const model = await readJson(path);
    const settings = await readJson(join(directory, 'tokenizer_config.json'));
    let tokenizer: TextTokenizer;
    let size = 0;
    try {
      tokenizer = new TextTokenizer(model, settings);
      for (const id of tokenizer.get_vocab(true).values()) size = Math.max(size, id + 1);
    } catch (error) {
      throw new ModelError(path, `is not a tokenizer: ${(error as Error).message}`);
    }
    const { post_processor: processor } = tokenizer;
    const segmented = (model['post_processor'] as { type?: unknown } | null)?.type !== 'RobertaProcessing';
    const pair =
      processor === null ? undefined : pairTemplate(processor, (token) => tokenizer.token_to_id(token), segmented);
    const { eos_token: eos } = specialTokens(settings);
    const eosId = eos === undefined ? undefined : tokenizer.get_vocab(true).get(eos);
    const behind = processor === null ? 0 : tokensBehind(processor);
    return new Tokenizer(tokenizer, size, eosId, await ChatTemplate.read(directory, settings), pair, behind);
  }

  /** Throws ModelError where the tokenizer has ids that the model has no embedding for. */
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
   * The token that ends a reply which is given as text: the tokenizer's own eos_token where the model stops at it, as a
   * chat model does at the end of a turn, otherwise the first token that the model stops at.
   */
  endId({ eosIds }: DecoderConfig): number {
    return this.#eosId !== undefined && eosIds.includes(this.#eosId) ? this.#eosId : (eosIds[0] as number);
  }

  /** Token ids of a text. Special tokens written in the text are single ids; none are added unless asked. */
  encode(text: string, options: { readonly addSpecialTokens: boolean } = { addSpecialTokens: false }): number[] {
    return this.#tokenizer.encode(text, { add_special_tokens: options.addSpecialTokens }).ids;
  }

  /** The text of token ids, without special tokens. */
  decode(ids: readonly number[]): string {
    if (ids.length === 0) return '';
    return this.#tokenizer.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false });
  }

  /**
   * Token ids of a prompt as the policy sees it: through the chat template as one user turn with the reply opened,
   * or, where the model has none, the text after the tokens that the tokenizer itself adds in front. Those that it adds
   * behind are left out: a prompt is continued, so no end token may close it.
   */
  encodePrompt(prompt: string): number[] {
    const rendered = this.renderChat([{ role: 'user', content: prompt }], true);
    if (rendered !== undefined) return this.encode(rendered);
    const ids = this.encode(prompt, { addSpecialTokens: true });
    return ids.slice(0, ids.length - this.#tokensBehind);
  }

  /** A conversation as the chat template writes it, with the next reply opened where asked; undefined where the model has none. */
  renderChat(turns: readonly Turn[], openReply: boolean): string | undefined {
    return this.chatTemplate?.render(turns, openReply);
  }
}
