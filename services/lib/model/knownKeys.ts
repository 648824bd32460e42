/**
 * The keys of Hugging Face's JSON files (config.json, generation_config.json, adapter_config.json, tokenizer_config.json). Each
 * file is read against a list of known keys, so that no key that changes the model is overlooked. A key is used, has no effect on
 * what gapo computes, or must have a value at which it has no effect. Every other key is refused by name unless it is empty or
 * listed by the user: see {@link KeyOptions}.
 */
import { isDeepStrictEqual } from 'node:util';
import { isMapping } from '@gapo/service';

/** The known keys of a file. */
export interface KnownKeys {
  /** Keys that are read and validated elsewhere. */
  readonly used: readonly string[];
  /** Keys that do not affect what gapo computes. */
  readonly harmless: readonly string[];
  /** Keys that are not implemented, with the values at which they have no effect. */
  readonly neutral: Readonly<Record<string, Neutral>>;
}

/** A key that is not implemented. */
export interface Neutral {
  /** The values at which it has no effect. Compared by content, not identity. */
  readonly values: readonly unknown[];
  /** What other values would change. */
  readonly effect: string;
}

/** User options for reading a model's files. */
export interface KeyOptions {
  /**
   * Keys to read as if they were absent. `a.b` is the key b of the object a. Unexpected tensors with these names, or whose names
   * start with one of them and a dot, are ignored too. @default none
   */
  readonly ignoreKeys?: readonly string[] | undefined;
  /** Where the user lists them, for messages. @default {@link usualList} */
  readonly listedIn?: string | undefined;
  /** Whether unknown keys are an error. @default 'refuse' */
  readonly unknownKeys?: 'refuse' | 'accept' | undefined;
}

/** Where runs and training commands list the keys to ignore. */
export const usualList = 'policy.ignoreKeys, or in --ignore-keys of gapo sft and gapo reward train';

/** A JSON object whose keys were checked. */
export interface CheckedKeys {
  /** The object without the ignored keys. */
  readonly json: Readonly<Record<string, unknown>>;
  /** One message per key that is not implemented, and one for all unknown keys. */
  readonly problems: readonly string[];
}

/** Creates a key that is not implemented. */
export function neutral(effect: string, ...values: readonly unknown[]): Neutral {
  return { effect, values };
}

/** Joins lists of known keys. A key used by one of them is not checked against the values of another. */
export function joinedKeys(...lists: readonly Partial<KnownKeys>[]): KnownKeys {
  return {
    used: lists.flatMap(({ used = [] }) => used),
    harmless: lists.flatMap(({ harmless = [] }) => harmless),
    neutral: Object.fromEntries(lists.flatMap(({ neutral: keys = {} }) => Object.entries(keys))),
  };
}

/**
 * Checks the keys of an object against the known ones.
 *
 * @param within the path of the object in its file, such as `rope_scaling.`
 */
export function checkKeys(
  json: Readonly<Record<string, unknown>>,
  known: KnownKeys,
  { ignoreKeys = [], listedIn = usualList, unknownKeys = 'refuse' }: KeyOptions = {},
  within = '',
): CheckedKeys {
  const kept = withoutKeys(json, ignoreKeys);
  const accepted = new Set([...known.used, ...known.harmless]);
  const problems: string[] = [];
  const unknown: string[] = [];
  for (const [key, value] of Object.entries(kept)) {
    if (accepted.has(key)) continue;
    const rule = Object.hasOwn(known.neutral, key) ? known.neutral[key] : undefined;
    if (rule === undefined) {
      if (!isEmpty(value)) unknown.push(`${within}${key} (${shown(value)})`);
    } else if (!rule.values.some((one) => isDeepStrictEqual(one, value))) {
      problems.push(`${within}${key} is not supported: ${rule.effect}, but it is ${shown(value)}`);
    }
  }
  if (unknown.length > 0 && unknownKeys === 'refuse') {
    problems.push(
      `unknown ${unknown.length === 1 ? 'key' : 'keys'} ${unknown.join(', ')}, which may change what the model computes; ` +
        `list those that do not in ${listedIn}`,
    );
  }
  return { json: kept, problems };
}

/** Returns an object without some of its own or its nested objects' keys. */
function withoutKeys(json: Readonly<Record<string, unknown>>, paths: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(json)
      .filter(([key]) => !paths.includes(key))
      .map(([key, value]) => {
        const below = paths.filter((path) => path.startsWith(`${key}.`)).map((path) => path.slice(key.length + 1));
        return [key, below.length > 0 && isMapping(value) ? withoutKeys(value, below) : value];
      }),
  );
}

/** Whether a value carries no information: null, false, or empty. */
function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === null || value === false || value === '';
}

const longestShown = 60;

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > longestShown ? `${text.slice(0, longestShown)}…` : text;
}
