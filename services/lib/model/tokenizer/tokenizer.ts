/** A model's tokenizer: tokenizer.json, the files next to it, and the chat template. */
import { join } from 'node:path';
import { at } from '@gapo/numeric';
import { UserError } from '@gapo/service';
import type { AddedToken, Encoding, Tokenizer as LibraryTokenizer } from 'tokenizers';
import type { DecoderConfig } from '../decoderConfig.js';
import { ModelError } from '../errors.js';
import { parseJson, readText } from '../files.js';
import type { KeyOptions } from '../knownKeys.js';
import { ChatTemplate, type TemplateOptions, type Turn } from './chatTemplate.js';
import { type PairTemplate, type PlacedTokens, pairTemplateOf } from './pairTemplate.js';
import { tokenizerJsonProblem } from './tokenizerJson.js';
import { type DeclaredToken, declaredTokens, readTokenizerSettings } from './tokenizerSettings.js';
import { tokenPieces } from './tokenPieces.js';

/** Number of texts encoded at once: encodings hold far more than their ids. */
const batch = 256;

/** How a tokenizer's files are read. */
export interface TokenizerOptions extends KeyOptions {
  /** Inputs of every rendering of the chat template in addition to the conversation. @default nothing */
  readonly template?: TemplateOptions | undefined;
}

/** How a text is encoded. */
export interface EncodingOptions {
  /** Whether the tokenizer adds its special tokens, such as one that begins every text. @default false */
  readonly addSpecialTokens?: boolean;
}

/** How token ids are decoded. */
export interface DecodingOptions {
  /** Whether special tokens appear in the text. @default 'omit' */
  readonly specialTokens?: 'omit' | 'keep';
}

/** The contents of a tokenizer's files without its vocabulary. */
interface Parts {
  readonly path: string;
  readonly size: number;
  readonly cleansUp: boolean;
  readonly chatTemplate: ChatTemplate | undefined;
  readonly pairTemplate: PairTemplate | undefined;
  readonly longestToken: number;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  readonly affixes: Affixes;
}

/** The special tokens around a text. */
interface Affixes {
  readonly prepended: readonly number[];
  readonly appended: readonly number[];
}

/**
 * Converts text to token ids and back, like `AutoTokenizer` in transformers 5. The work runs on libuv's threads.
 *
 * @example
 * ```ts
 * import { Tokenizer } from '@gapo/model';
 *
 * const tokenizer = await Tokenizer.read('examples/assistant/models/policy');
 * const ids = await tokenizer.encodePrompt('How do I reset my password?'); // through the chat template
 * console.log(ids.length, await tokenizer.decode(ids));
 * ```
 */
export class Tokenizer {
  /** Undefined if the model has no chat template. */
  readonly chatTemplate: ChatTemplate | undefined;
  /** Undefined if the tokenizer has no template for two texts. */
  readonly pairTemplate: PairTemplate | undefined;
  /** One more than the largest id. */
  readonly size: number;
  /** Maximum characters of a token: a text of n characters has at least n / longestToken tokens. */
  readonly longestToken: number;
  /** The token that begins a text (bos_token); undefined if there is none. */
  readonly bosId: number | undefined;
  /** The special tokens that the tokenizer adds around a text on request. */
  readonly affixes: Affixes;

  readonly #library: LibraryTokenizer;
  readonly #path: string;
  readonly #cleansUp: boolean;
  readonly #eosId: number | undefined;

  private constructor(library: LibraryTokenizer, parts: Parts) {
    this.#library = library;
    this.#path = parts.path;
    this.#cleansUp = parts.cleansUp;
    this.size = parts.size;
    this.chatTemplate = parts.chatTemplate;
    this.pairTemplate = parts.pairTemplate;
    this.longestToken = parts.longestToken;
    this.bosId = parts.bosId;
    this.affixes = parts.affixes;
    this.#eosId = parts.eosId;
  }

  /**
   * Reads DIR/tokenizer.json, the files next to it that declare tokens, and the chat template. Truncation and padding
   * settings in tokenizer.json are ignored.
   *
   * @throws ModelError if one is damaged, tokenizer.json is missing or has an unsupported component, or
   * tokenizer_config.json has an unsupported or unknown key
   */
  static async read(directory: string, { template, ...keys }: TokenizerOptions = {}): Promise<Tokenizer> {
    const path = join(directory, 'tokenizer.json');
    const text = await readText(path);
    const json = parseJson(path, text);
    const problem = tokenizerJsonProblem(json);
    if (problem !== undefined) throw new ModelError(path, problem);
    const { config, specialTokens, addedTokens, cleansUp } = await readTokenizerSettings(directory, json, keys);
    // The native library is loaded only on use, so it cannot crash a process that reads no tokenizer.
    const native = await import('tokenizers');
    let library: LibraryTokenizer;
    let [size, longestToken] = [0, 1];
    try {
      library = native.Tokenizer.fromString(text);
      library.disablePadding();
      library.disableTruncation();
      assertFindable(library, json, addedTokens);
      if (addedTokens.length > 0)
        library.addAddedTokens(addedTokens.map((token) => libraryToken(native.AddedToken, token)));
      for (const [token, id] of Object.entries(library.getVocab(true))) {
        size = Math.max(size, id + 1);
        longestToken = Math.max(longestToken, token.length);
      }
    } catch (error) {
      throw new ModelError(path, `is not a tokenizer: ${(error as Error).message}`);
    }
    const idOf = (token: string | undefined): number | undefined =>
      token === undefined ? undefined : (library.tokenToId(token) ?? undefined);
    return new Tokenizer(library, {
      path,
      size,
      cleansUp,
      chatTemplate: await ChatTemplate.read(directory, config, specialTokens, template),
      longestToken,
      bosId: idOf(specialTokens['bos_token']),
      eosId: idOf(specialTokens['eos_token']),
      ...(await specialPlaces(library)),
    });
  }

  /**
   * Checks that the model has an embedding for every token.
   *
   * @throws ModelError if it has fewer
   */
  assertFits(config: Pick<DecoderConfig, 'vocabulary'>, directory: string): void {
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
  endId({ eosIds }: Pick<DecoderConfig, 'eosIds'>): number {
    return this.#eosId !== undefined && eosIds.includes(this.#eosId) ? this.#eosId : at(eosIds, 0);
  }

  /** Whether an id has a token. Models often have embeddings for more ids than the tokenizer has tokens. */
  hasToken(id: number): boolean {
    return this.#library.idToToken(id) !== null;
  }

  /**
   * Returns the ids that a policy may draw: those with a token, and those that end a completion.
   *
   * @returns [vocabulary] 1 for each; undefined if all may be drawn
   */
  drawable({ vocabulary, eosIds }: Pick<DecoderConfig, 'vocabulary' | 'eosIds'>): Uint8Array | undefined {
    const drawable = Uint8Array.from({ length: vocabulary }, (_, id) => (this.hasToken(id) ? 1 : 0));
    for (const id of eosIds) drawable[id] = 1;
    return drawable.every((flag) => flag === 1) ? undefined : drawable;
  }

  /**
   * Encodes a text. Special tokens in the text become single ids.
   *
   * @throws UserError if the tokenizer has no token for part of the text
   */
  async encode(text: string, { addSpecialTokens = false }: EncodingOptions = {}): Promise<number[]> {
    return (await this.#result(this.#library.encode(text, null, { addSpecialTokens }))).getIds();
  }

  /**
   * Encodes texts on all cores.
   *
   * @throws UserError if the tokenizer has no token for part of one
   */
  async encodeAll(texts: readonly string[], { addSpecialTokens = false }: EncodingOptions = {}): Promise<number[][]> {
    const ids: number[][] = [];
    for (let start = 0; start < texts.length; start += batch) {
      const some = texts.slice(start, start + batch);
      const encodings = await this.#result(this.#library.encodeBatch(some, { addSpecialTokens }));
      for (const encoding of encodings) ids.push(encoding.getIds());
    }
    return ids;
  }

  /** Decodes token ids. Omits ids without a token, and special tokens unless they are to be kept. */
  async decode(ids: readonly number[], { specialTokens = 'omit' }: DecodingOptions = {}): Promise<string> {
    return this.#cleaned(await this.#library.decode([...ids], specialTokens === 'omit'));
  }

  /** Decodes rows of token ids on all cores. */
  async decodeAll(
    rows: readonly (readonly number[])[],
    { specialTokens = 'omit' }: DecodingOptions = {},
  ): Promise<string[]> {
    const copies = rows.map((ids) => [...ids]);
    const texts = await this.#library.decodeBatch(copies, specialTokens === 'omit');
    return texts.map((text) => this.#cleaned(text));
  }

  /**
   * Returns the text of each token in rows, including special tokens: see `tokenPieces`.
   *
   * @param longest maximum number of tokens per row; the rest are omitted
   */
  piecesOfAll(rows: readonly (readonly number[])[], longest: number): Promise<string[][]> {
    const some = rows.map((ids) => ids.slice(0, longest));
    return tokenPieces((parts) => this.decodeAll(parts, { specialTokens: 'keep' }), some);
  }

  /**
   * Encodes a prompt for the policy: through the chat template as one user turn with the reply opened; without a template
   * as the text after the tokens that the tokenizer prepends. Appended tokens are removed: the policy continues a prompt,
   * so no end token may close it.
   *
   * @throws UserError if the chat template refuses it
   */
  async encodePrompt(prompt: string): Promise<number[]> {
    const rendered = this.renderChat([{ role: 'user', content: prompt }], true);
    if (rendered !== undefined) return this.encode(rendered);
    return [...this.affixes.prepended, ...(await this.encode(prompt))];
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

  async #result<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw new UserError(`${this.#path}: cannot encode the text: ${(error as Error).message}`, { cause: error });
    }
  }

  #cleaned(text: string): string {
    return this.#cleansUp ? spacesRemoved.reduce((cleaned, [from, to]) => cleaned.replaceAll(from, to), text) : text;
  }
}

/** What `clean_up_tokenization_spaces` replaces, in this order. */
const spacesRemoved = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
] as const;

function libraryToken(Added: typeof AddedToken, { content, special, ...options }: DeclaredToken): AddedToken {
  return new Added(content, special, options);
}

/**
 * Checks that no token becomes empty when texts are normalized first. The library would match it between all bytes of a
 * text and crash in the middle of a character.
 *
 * @throws Error naming the token
 */
function assertFindable(
  library: LibraryTokenizer,
  json: Readonly<Record<string, unknown>>,
  more: readonly DeclaredToken[],
): void {
  const normalizer = library.getNormalizer();
  const found = [...declaredTokens(json), ...more].find(
    ({ content, normalized }) => normalized && content !== '' && normalizer?.normalizeString(content) === '',
  );
  if (found === undefined) return;
  throw new Error(
    `the normalizer leaves nothing of the added token ${JSON.stringify(found.content)}; set its normalized to false`,
  );
}

const noAffixes: Affixes = { prepended: [], appended: [] };

/** Finds the special tokens around texts, by encoding one that has tokens. */
async function specialPlaces(library: LibraryTokenizer): Promise<Pick<Parts, 'pairTemplate' | 'affixes'>> {
  for (const probe of probes(library)) {
    const plain = await library.encode(probe, null, { addSpecialTokens: false }).catch(() => undefined);
    if (plain === undefined || plain.getLength() === 0) continue;
    const single = placed(await library.encode(probe, null, { addSpecialTokens: true }));
    const first = single.texts.findIndex((text) => text === 0);
    const last = single.texts.findLastIndex((text) => text === 0);
    const pair = await library.encode(probe, probe, { addSpecialTokens: true });
    return {
      pairTemplate: pairTemplateOf(placed(pair)),
      affixes: first < 0 ? noAffixes : { prepended: single.ids.slice(0, first), appended: single.ids.slice(last + 1) },
    };
  }
  return { pairTemplate: undefined, affixes: noAffixes };
}

/** Texts of which at least one very likely has a token: a letter, and the texts of the first ids. */
function* probes(library: LibraryTokenizer): Generator<string> {
  yield 'a';
  for (let id = 0; id < batch; id++) {
    const token = library.idToToken(id);
    if (token !== null && token !== '') yield token;
  }
}

function placed(encoding: Encoding): PlacedTokens {
  return { ids: encoding.getIds(), segments: encoding.getTypeIds(), texts: encoding.getSequenceIds() };
}
