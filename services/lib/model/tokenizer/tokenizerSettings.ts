/**
 * What the files next to tokenizer.json say about its tokens, merged as in transformers 5: `added_tokens_decoder` of
 * tokenizer_config.json lists the added tokens; without it, special_tokens_map.json and added_tokens.json are read too.
 */
import { join } from 'node:path';
import { isMapping } from '@gapo/service';
import { ModelError } from '../errors.js';
import { readJson, exists } from '../files.js';
import { type KeyOptions, checkKeys } from '../knownKeys.js';
import { rebuiltProblems } from './rebuiltComponents.js';
import { standardTokens, tokenizerConfigKeys } from './tokenizerConfigKeys.js';

type Json = Readonly<Record<string, unknown>>;

/** A token with the properties that determine how it is matched in a text. */
export interface DeclaredToken {
  readonly content: string;
  readonly special: boolean;
  readonly normalized: boolean;
  readonly singleWord: boolean;
  readonly leftStrip: boolean;
  readonly rightStrip: boolean;
}

/** The settings of a tokenizer outside tokenizer.json. */
export interface TokenizerSettings {
  /** tokenizer_config.json without the ignored keys; empty if there is none. */
  readonly config: Json;
  /** The texts of bos_token, eos_token and the like by name. They are variables of the chat template. */
  readonly specialTokens: Readonly<Record<string, string>>;
  /** Tokens that tokenizer.json lacks or has with different properties, in the order in which they are added. */
  readonly addedTokens: readonly DeclaredToken[];
  /** Whether decoding removes spaces before punctuation. */
  readonly cleansUp: boolean;
}

const configFile = 'tokenizer_config.json';

const standard: ReadonlySet<string> = new Set(standardTokens);

/**
 * Reads tokenizer_config.json, special_tokens_map.json and added_tokens.json of a directory. Each may be absent.
 *
 * @param tokenizer the contents of tokenizer.json
 * @throws ModelError if one is damaged, or tokenizer_config.json has an unimplemented or unknown key
 */
export async function readTokenizerSettings(
  directory: string,
  tokenizer: Json,
  options: KeyOptions = {},
): Promise<TokenizerSettings> {
  const config = await readConfig(directory, tokenizer, options);
  const own = declaredTokens(tokenizer);
  const decoder = config['added_tokens_decoder'];
  const legacy = !isMapping(decoder);
  const all = legacy ? withSpecialTokensMap(config, await readIfPresent(directory, 'special_tokens_map.json')) : config;
  const named = namedTokens(all);
  const extra = listed(all['extra_special_tokens'] ?? all['additional_special_tokens']);
  const added = legacy
    ? addedTokensOf(await readIfPresent(directory, 'added_tokens.json'), tokenizer, [...named.values(), ...extra])
    : Object.entries(decoder).map(([id, token]) => [Number(id), declaredToken(token, false)] as const);
  const tokens = [...added].sort(([a], [b]) => a - b).map(([, token]) => token);
  const known = new Map((legacy ? [...tokens, ...own] : tokens).map((token) => [token.content, token]));
  const values = [...named].map(
    ([name, value]) => [name, (standard.has(name) ? known.get(contentOf(value)) : undefined) ?? value] as const,
  );
  return {
    config,
    specialTokens: Object.fromEntries(values.map(([name, value]) => [name, contentOf(value)])),
    addedTokens: missingTokens(
      own,
      tokens,
      values.map(([, value]) => value),
      extra,
    ),
    cleansUp: cleansUp(config, tokenizer),
  };
}

/** Returns the added tokens of a tokenizer.json. */
export function declaredTokens(tokenizer: Json): readonly DeclaredToken[] {
  return listed(tokenizer['added_tokens']).map((token) => declaredToken(token, false));
}

async function readConfig(directory: string, tokenizer: Json, options: KeyOptions): Promise<Json> {
  const found = await readIfPresent(directory, configFile);
  const { json, problems } = checkKeys(found, tokenizerConfigKeys(found), options);
  const model = await readIfPresent(directory, 'config.json');
  const all = [...problems, ...rebuiltProblems(json, tokenizer, model, options)];
  if (all.length > 0) throw new ModelError(join(directory, configFile), all.join('; '));
  return json;
}

async function readIfPresent(directory: string, name: string): Promise<Json> {
  const path = join(directory, name);
  return (await exists(path)) ? readJson(path) : {};
}

/** Returns the settings merged with special_tokens_map.json, which takes precedence. */
function withSpecialTokensMap(config: Json, map: Json): Json {
  const { extra_special_tokens: more, additional_special_tokens: additional, ...rest } = map;
  const own = nonEmpty(config['extra_special_tokens']) ?? config['additional_special_tokens'];
  const extra = Array.isArray(more) ? [...listed(own), ...listed(more)] : (more ?? own ?? additional);
  return { ...config, ...rest, extra_special_tokens: extra };
}

/** Returns the special tokens by name: texts, or objects with a content. The standard ones come first. */
function namedTokens(settings: Json): ReadonlyMap<string, unknown> {
  const { extra_special_tokens: extra } = settings;
  const entries = [
    ...standardTokens.map((name) => [name, settings[name]] as const),
    ...Object.entries(settings).filter(([name]) => name.endsWith('_token') && !standard.has(name)),
    ...(isMapping(extra) ? Object.entries(extra) : []),
  ];
  return new Map(entries.filter(([, value]) => isToken(value)));
}

/** Returns the tokens of added_tokens.json by id. Those of tokenizer.json take precedence. */
function addedTokensOf(file: Json, tokenizer: Json, special: readonly unknown[]): ReadonlyMap<number, DeclaredToken> {
  const names = new Set(special.map(contentOf));
  const tokens = new Map<number, DeclaredToken>();
  for (const [content, id] of Object.entries(file)) tokens.set(Number(id), declaredToken(content, names.has(content)));
  for (const token of listed(tokenizer['added_tokens'])) {
    if (isMapping(token)) tokens.set(Number(token['id']), declaredToken(token, false));
  }
  return tokens;
}

/** Returns the declared tokens that are missing in tokenizer.json or differ there. */
function missingTokens(
  own: readonly DeclaredToken[],
  declared: readonly DeclaredToken[],
  named: readonly unknown[],
  extra: readonly unknown[],
): readonly DeclaredToken[] {
  const same = new Set(own.map((token) => JSON.stringify(token)));
  const missing = declared.filter((token) => !same.has(JSON.stringify(token)));
  const present = new Set([...own, ...missing].map(({ content }) => content));
  for (const value of [...named, ...extra]) {
    const content = contentOf(value);
    if (content === '' || present.has(content)) continue;
    present.add(content);
    missing.push(declaredToken(value, !isMapping(value)));
  }
  const names = new Set(named.map(contentOf));
  return missing.map((token) => (names.has(token.content) ? { ...token, special: true } : token));
}

/** Whether decoding removes spaces before punctuation. With BPE it does so only if the settings say so explicitly. */
function cleansUp(config: Json, tokenizer: Json): boolean {
  if (config['clean_up_tokenization_spaces'] !== true) return false;
  const { model } = tokenizer;
  const isBpe = isMapping(model) && (model['type'] === 'BPE' || 'merges' in model);
  return !isBpe || config['clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output'] === true;
}

/** Returns a token declared as a text or as an object. */
function declaredToken(value: unknown, special: boolean): DeclaredToken {
  const token = isMapping(value) ? value : {};
  const isSpecial = special || token['special'] === true;
  const { normalized = !isSpecial } = token;
  return {
    content: contentOf(value),
    special: isSpecial,
    normalized: normalized === true,
    singleWord: token['single_word'] === true,
    leftStrip: token['lstrip'] === true,
    rightStrip: token['rstrip'] === true,
  };
}

function contentOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return isMapping(value) && typeof value['content'] === 'string' ? value['content'] : '';
}

function isToken(value: unknown): boolean {
  return typeof value === 'string' || (isMapping(value) && typeof value['content'] === 'string');
}

function listed(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function nonEmpty(value: unknown): unknown {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0 ? value : undefined;
}
