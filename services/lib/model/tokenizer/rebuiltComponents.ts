/**
 * Keys of tokenizer_config.json that say the same as a component of tokenizer.json. Some classes of transformers rebuild the
 * component from the key, and other programs read tokenizer.json. Where the two disagree, a text has two encodings.
 */
import { isMapping } from '@gapo/service';
import { usualList } from '../knownKeys.js';

type Json = Readonly<Record<string, unknown>>;

/** The components of a tokenizer.json, without the sequences around them. */
interface Components {
  readonly normalizers: readonly Json[];
  readonly preTokenizers: readonly Json[];
}

/** A key that some classes follow, whatever tokenizer.json says. */
interface Rule {
  readonly key: string;
  /** The names of the classes without `Tokenizer` and `TokenizerFast`. */
  readonly classes: readonly string[];
  /** Returns the value of the key at which the class builds what tokenizer.json has; undefined if the key changes nothing. */
  readonly stated: (components: Components) => unknown;
}

const bert = [
  'Bert',
  'ConvBert',
  'DistilBert',
  'DPRContextEncoder',
  'DPRQuestionEncoder',
  'DPRReader',
  'Electra',
].concat(
  ['Funnel', 'LayoutLM', 'Lxmert', 'MobileBert', 'MPNet', 'Splinter', 'SqueezeBert', 'Tipsv2'], // in transformers 5.24
);
const byteLevel = ['Bart', 'Blenderbot', 'CodeGen', 'Cohere', 'Deberta', 'GPT2', 'GPTNeoX', 'LED', 'Longformer'].concat(
  ['Luke', 'Mvp', 'Qwen2', 'Qwen3_5', 'Roberta', 'Whisper'],
);
const sentencePiece = ['Barthez', 'BigBird', 'Camembert', 'CodeLlama', 'Llama', 'RemBert', 'XGLM', 'XLMRoberta'];

const rules: readonly Rule[] = [
  { key: 'do_lower_case', classes: bert, stated: (components) => bertNormalizer(components)?.['lowercase'] },
  {
    key: 'tokenize_chinese_chars',
    classes: bert,
    stated: (components) => bertNormalizer(components)?.['handle_chinese_chars'],
  },
  // null strips accents where letters are made lower case.
  {
    key: 'strip_accents',
    classes: bert,
    stated: (components) => {
      const normalizer = bertNormalizer(components);
      return normalizer?.['strip_accents'] ?? normalizer?.['lowercase'];
    },
  },
  {
    key: 'add_prefix_space',
    classes: byteLevel,
    stated: ({ preTokenizers }) => ofType(preTokenizers, 'ByteLevel')?.['add_prefix_space'],
  },
  { key: 'add_prefix_space', classes: sentencePiece, stated: beginsWithSpace },
  {
    key: 'do_lower_case',
    classes: ['DebertaV2'],
    stated: ({ normalizers }) => ofType(normalizers, 'Lowercase') !== undefined,
  },
  {
    key: 'split_by_punct',
    classes: ['DebertaV2'],
    stated: ({ preTokenizers }) => ofType(preTokenizers, 'Punctuation') !== undefined,
  },
];

/**
 * Compares the keys that a class rebuilds components from with those components.
 *
 * @param config tokenizer_config.json
 * @param tokenizer tokenizer.json
 * @param listedIn where the user lists keys to ignore
 * @returns a problem per key that disagrees. A key that is absent or null is never one
 */
export function rebuiltProblems(config: Json, tokenizer: Json, listedIn = usualList): readonly string[] {
  const { tokenizer_class: name } = config;
  if (typeof name !== 'string') return [];
  const components = {
    normalizers: flattened(tokenizer['normalizer'], 'normalizers'),
    preTokenizers: flattened(tokenizer['pre_tokenizer'], 'pretokenizers'),
  };
  return rules.flatMap(({ key, classes, stated }) => {
    const value = config[key] ?? undefined;
    if (value === undefined || !classes.includes(name.replace(/Tokenizer(Fast)?$/, ''))) return [];
    const other = stated(components);
    if (other === undefined || other === value) return [];
    return [
      `${key} is ${JSON.stringify(value)}, which ${name} of transformers follows, but tokenizer.json says ` +
        `${JSON.stringify(other)}; correct the one that is wrong, or list ${key} in ${listedIn}, to follow tokenizer.json`,
    ];
  });
}

function bertNormalizer({ normalizers }: Components): Json | undefined {
  return ofType(normalizers, 'BertNormalizer');
}

/** Whether a SentencePiece tokenizer puts a space in front of a text. */
function beginsWithSpace({ normalizers, preTokenizers }: Components): unknown {
  // The class is not used for a tokenizer of bytes, such as that of Llama 3.
  if (ofType(preTokenizers, 'ByteLevel') !== undefined) return undefined;
  if (ofType(normalizers, 'Prepend') !== undefined) return true;
  const metaspace = ofType(preTokenizers, 'Metaspace');
  if (metaspace === undefined) return false;
  const { prepend_scheme: scheme, add_prefix_space: prefix = true } = metaspace;
  return scheme === undefined ? prefix : scheme !== 'never';
}

function ofType(components: readonly Json[], type: string): Json | undefined {
  return components.find((component) => component['type'] === type);
}

/** Returns the members of a sequence, or the component itself. */
function flattened(component: unknown, members: string): readonly Json[] {
  if (!isMapping(component)) return [];
  const inner = component['type'] === 'Sequence' ? component[members] : undefined;
  return Array.isArray(inner) ? inner.flatMap((member) => flattened(member, members)) : [component];
}
