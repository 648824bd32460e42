/**
 * The components of tokenizer.json. The Rust library that reads the file reports most damage as an error, but some damage
 * crashes the process: a template with an undeclared token, a damaged character table. These are checked first, and
 * components that the library does not support are refused by name.
 */
import { isMapping } from '@gapo/service';
import { charsmapProblem } from './precompiledCharsmap.js';

type Json = Readonly<Record<string, unknown>>;

/** A location of a component in tokenizer.json. */
interface Place {
  readonly types: readonly string[];
  /** The key of a Sequence's components. */
  readonly members?: string;
}

const places: Readonly<Record<string, Place>> = {
  normalizer: {
    types: [
      'BertNormalizer',
      'ByteLevel',
      'Lowercase',
      'NFC',
      'NFD',
      'NFKC',
      'NFKD',
      'Nmt',
      'Precompiled',
      'Prepend',
      'Replace',
      'Sequence',
      'Strip',
      'StripAccents',
    ],
    members: 'normalizers',
  },
  pre_tokenizer: {
    types: [
      'BertPreTokenizer',
      'ByteLevel',
      'CharDelimiterSplit',
      'Digits',
      'FixedLength',
      'Metaspace',
      'Punctuation',
      'Sequence',
      'Split',
      'UnicodeScripts',
      'Whitespace',
      'WhitespaceSplit',
    ],
    members: 'pretokenizers',
  },
  model: { types: ['BPE', 'Unigram', 'WordLevel', 'WordPiece'] },
  post_processor: {
    types: ['BertProcessing', 'ByteLevel', 'RobertaProcessing', 'Sequence', 'TemplateProcessing'],
    members: 'processors',
  },
  decoder: {
    types: [
      'BPEDecoder',
      'ByteFallback',
      'ByteLevel',
      'CTC',
      'Fuse',
      'Metaspace',
      'Replace',
      'Sequence',
      'Strip',
      'WordPiece',
    ],
    members: 'decoders',
  },
};

/**
 * Checks, by component type, for settings that crash the process or make encodings non-deterministic. Each returns the
 * problem, if any.
 */
const checks: Readonly<Record<string, (component: Json) => string | undefined>> = {
  BPE: ({ dropout }) =>
    dropout === undefined || dropout === null || dropout === 0
      ? undefined
      : `has dropout ${JSON.stringify(dropout)}, which encodes a text differently each time; write null`,
  FixedLength: ({ length }) => (length === 0 ? 'has length 0' : undefined),
  Prepend: ({ prepend }) => (prepend === '' ? 'has nothing to prepend' : undefined),
  Precompiled: ({ precompiled_charsmap: map }) => charsmapProblem(map),
  Strip: ({ stop }) =>
    stop === undefined || stop === 0 ? undefined : `has stop ${JSON.stringify(stop)}; only 0 is supported`,
  TemplateProcessing: templateProblem,
};

/**
 * Checks the components of a tokenizer.json.
 *
 * @returns the first problem with its location; undefined if the library can read them
 */
export function tokenizerJsonProblem(json: Json): string | undefined {
  for (const [name, place] of Object.entries(places)) {
    const found = componentProblem(json[name], place, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

function componentProblem(component: unknown, place: Place, path: string): string | undefined {
  if (!isMapping(component)) return undefined;
  const { type } = component;
  if (type === undefined) return undefined;
  if (typeof type !== 'string' || !place.types.includes(type)) {
    return `${path}: the type ${JSON.stringify(type)} is not supported; supported are ${place.types.join(', ')}`;
  }
  const problem = checks[type]?.(component);
  if (problem !== undefined) return `${path}: ${type} ${problem}`;
  const members = type === 'Sequence' && place.members !== undefined ? component[place.members] : undefined;
  if (!Array.isArray(members)) return undefined;
  for (const [index, member] of members.entries()) {
    const found = componentProblem(member, place, `${path}.${place.members ?? ''}[${index}]`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function templateProblem({ single, pair, special_tokens: declared }: Json): string | undefined {
  for (const part of [single, pair].flat()) {
    const token = isMapping(part) ? part['SpecialToken'] : undefined;
    const id = isMapping(token) ? token['id'] : undefined;
    if (typeof id === 'string' && !(isMapping(declared) && Object.hasOwn(declared, id))) {
      return `uses the token ${JSON.stringify(id)}, which its special_tokens do not declare`;
    }
  }
  return undefined;
}
