/**
 * Keys of tokenizer_config.json that duplicate a component of tokenizer.json. Some transformers classes rebuild the component
 * from the key, while other programs read tokenizer.json. If the two disagree, a text has two encodings.
 */
import { isMapping } from '@gapo/service';
import { usualList, type KeyOptions } from '../knownKeys.js';

type Json = Readonly<Record<string, unknown>>;

/** The components of a tokenizer.json, without the sequences around them. */
interface Components {
  readonly normalizers: readonly Json[];
  readonly preTokenizers: readonly Json[];
}

/** A key that some classes follow regardless of tokenizer.json. */
interface Rule {
  readonly key: string;
  /** The names of the classes, as of transformers 5.24, without `Tokenizer` and `TokenizerFast`. */
  readonly classes: readonly string[];
  /**
   * Returns the value of the key for which the class builds the component in tokenizer.json; undefined if the key changes
   * nothing.
   */
  readonly stated: (components: Components) => unknown;
  /** The class's default if the key is absent or null. The class's name is as in `classes`. */
  readonly absent: boolean | ((config: Json, className: string) => unknown);
}

const bert = [
  'Bert',
  'ConvBert',
  'DistilBert',
  'Electra',
  'Funnel',
  'LayoutLM',
  'Lxmert',
  'MobileBert',
  'MPNet',
  'Splinter',
  'SqueezeBert',
  'Tipsv2',
];
const dpr = ['DPRContextEncoder', 'DPRQuestionEncoder', 'DPRReader'];
const byteLevel = [
  'Bart',
  'CodeGen',
  'Cohere',
  'Deberta',
  'GPT2',
  'GPTNeoX',
  'LED',
  'Longformer',
  'Luke',
  'Mvp',
  'Qwen2',
  'Qwen3_5',
  'Roberta',
  'Whisper',
];
const sentencePiece = ['Barthez', 'BigBird', 'Camembert', 'CodeLlama', 'Llama', 'RemBert', 'XGLM', 'XLMRoberta'];

const lowerCase = (components: Components): unknown => bertNormalizer(components)?.['lowercase'];
const prefixSpace = ({ preTokenizers }: Components): unknown =>
  ofType(preTokenizers, 'ByteLevel')?.['add_prefix_space'];

const rules: readonly Rule[] = [
  { key: 'do_lower_case', classes: bert, absent: true, stated: lowerCase },
  { key: 'do_lower_case', classes: dpr, absent: false, stated: lowerCase },
  {
    key: 'tokenize_chinese_chars',
    classes: [...bert, ...dpr],
    absent: true,
    stated: (components) => bertNormalizer(components)?.['handle_chinese_chars'],
  },
  // null strips accents if letters are lowercased.
  {
    key: 'strip_accents',
    classes: [...bert, ...dpr],
    absent: ({ do_lower_case: lower }, name) => lower ?? !dpr.includes(name),
    stated: (components) => {
      const normalizer = bertNormalizer(components);
      return normalizer?.['strip_accents'] ?? normalizer?.['lowercase'];
    },
  },
  { key: 'add_prefix_space', classes: byteLevel, absent: false, stated: prefixSpace },
  { key: 'add_prefix_space', classes: ['Blenderbot'], absent: true, stated: prefixSpace },
  { key: 'add_prefix_space', classes: sentencePiece, absent: true, stated: beginsWithSpace },
  {
    key: 'do_lower_case',
    classes: ['DebertaV2'],
    absent: false,
    stated: ({ normalizers }) => ofType(normalizers, 'Lowercase') !== undefined,
  },
  {
    key: 'split_by_punct',
    classes: ['DebertaV2'],
    absent: false,
    stated: ({ preTokenizers }) => ofType(preTokenizers, 'Punctuation') !== undefined,
  },
];

/** The model types for which AutoTokenizer picks a class if tokenizer_config.json names none. */
const modelTypes: Readonly<Record<string, readonly string[]>> = {
  BertTokenizer: [
    'bert',
    'convbert',
    'distilbert',
    'electra',
    'ernie',
    'layoutlm',
    'megatron-bert',
    'nezha',
    'nomic_bert',
    'squeezebert',
  ],
  BigBirdTokenizer: ['big_bird'],
  CamembertTokenizer: ['camembert'],
  CohereTokenizer: ['cohere'],
  DebertaTokenizer: ['deberta'],
  DebertaV2Tokenizer: ['deberta-v2'],
  FunnelTokenizer: ['funnel'],
  GPT2Tokenizer: ['gpt2', 'gpt_neo', 'gptj', 'opt', 'phi', 'starcoder2'],
  GPTNeoXTokenizer: ['gpt_neox', 'olmo', 'olmoe'],
  MobileBertTokenizer: ['mobilebert'],
  MPNetTokenizer: ['mpnet'],
  Qwen2Tokenizer: ['qwen2', 'qwen2_moe', 'qwen3', 'qwen3_moe'],
  RemBertTokenizer: ['rembert'],
  RobertaTokenizer: ['bart', 'longformer', 'roberta', 'roberta-prelayernorm'],
  XLMRobertaTokenizer: ['xlm-roberta'],
};

/**
 * Compares the keys from which a class rebuilds components with those components.
 *
 * @param config tokenizer_config.json
 * @param tokenizer tokenizer.json
 * @param model config.json, which determines the class if tokenizer_config.json names none
 * @returns a problem per key that disagrees and is not ignored. A class has defaults for absent keys
 */
export function rebuiltProblems(
  config: Json,
  tokenizer: Json,
  model: Json,
  { ignoreKeys = [], listedIn = usualList }: KeyOptions = {},
): readonly string[] {
  const name = config['tokenizer_class'] ?? model['tokenizer_class'] ?? ofModelType(model['model_type']);
  if (typeof name !== 'string') return [];
  const short = shortName(name);
  const components = {
    normalizers: flattened(tokenizer['normalizer'], 'normalizers'),
    preTokenizers: flattened(tokenizer['pre_tokenizer'], 'pretokenizers'),
  };
  return rules.flatMap(({ key, classes, stated, absent }) => {
    if (!classes.includes(short) || ignoreKeys.includes(key)) return [];
    const other = stated(components);
    const written = config[key] ?? undefined;
    const value = written ?? (typeof absent === 'boolean' ? absent : absent(config, short));
    if (other === undefined || other === value) return [];
    const found = JSON.stringify(value);
    const said =
      written === undefined
        ? `absent, for which ${name} of transformers takes ${found}`
        : `${found}, which ${name} of transformers follows`;
    return [
      `${key} is ${said}, but tokenizer.json says ${JSON.stringify(other)}; correct the one that is wrong, or list ${key} ` +
        `in ${listedIn}, to follow tokenizer.json`,
    ];
  });
}

function ofModelType(type: unknown): string | undefined {
  return Object.entries(modelTypes).find(([, types]) => types.some((one) => one === type))?.[0];
}

/** Returns the name of a class as in {@link Rule.classes}. */
function shortName(name: string): string {
  return name.replace(/Tokenizer(Fast)?$/, '');
}

function bertNormalizer({ normalizers }: Components): Json | undefined {
  return ofType(normalizers, 'BertNormalizer');
}

/** Whether a SentencePiece tokenizer prepends a space to a text. */
function beginsWithSpace({ normalizers, preTokenizers }: Components): unknown {
  // The class is not used for byte-level tokenizers, such as Llama 3's.
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
