/** A classifier small enough to be recomputed by hand, in a directory like a real one. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type Dim,
  Graph,
  type Value,
  add,
  cast,
  embedding,
  emitBinary,
  emitReduce,
  linear,
  mul,
  reshape,
  scale,
} from '@gapo/graph';
import { safetensorsChunks } from '@gapo/model';
import { f32 } from '@gapo/numeric';

/** Special tokens, after the 256 bytes. */
const specials = ['<pad>', '<user>', '<assistant>', '<end>'];

/** Bytes and special tokens. */
export const tinyVocabulary = 256 + specials.length;

const width = 4;

/** Deviations from a valid classifier with one label. */
export interface TinyOptions {
  /** @default 1 */
  readonly labels?: number;
  /** A byte whose embedding is NaN; the weights are then inside model.onnx. */
  readonly brokenByte?: number;
  /** The model takes `token_type_ids`; their sum is added to every logit. @default false */
  readonly segments?: boolean;
  /** The model ignores `attention_mask`. @default false */
  readonly maskless?: boolean;
  /** The type of its integer inputs. @default 'int64' */
  readonly inputs?: 'int32' | 'int64';
  /** Fixed sizes of its inputs. @default any */
  readonly dims?: readonly [rows: Dim, length: Dim];
  /** The type of the logits. @default 'float32' */
  readonly precision?: 'float16' | 'float32';
  /** The name of the output. @default 'logits' */
  readonly output?: string;
  /** A logit also depends on the other sequences of the run, as in a dynamically quantised model. @default false */
  readonly entangled?: boolean;
  /**
   * Maximum number of tokens in a sequence: the model has a table with this many positions, all 0. @default none
   */
  readonly positions?: number;
  /** The model's file. It has its weights embedded if it is in a folder. @default 'model.onnx' */
  readonly file?: string;
  /** The content of reward.yaml, used instead of `gapo_reward` in config.json. */
  readonly rewardYaml?: string;
  /** Merged into config.json; undefined removes a key. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** Deterministic weights from -1 to 1. */
function filled(size: number, seed: number): Float32Array {
  return Float32Array.from({ length: size }, (_, index) => Math.sin((index + 1) * 12.9898 + seed));
}

const table = filled(tinyVocabulary * width, 1);

/** Writes a classifier's directory. */
export async function writeTinyClassifier(directory: string, options: TinyOptions = {}): Promise<void> {
  const { labels = 1, brokenByte, segments = false, maskless = false, rewardYaml } = options;
  const {
    inputs = 'int64',
    dims = ['B', 'T'],
    precision = 'float32',
    output = 'logits',
    file = 'model.onnx',
  } = options;
  const inside = brokenByte !== undefined || file.includes('/');
  await mkdir(directory, { recursive: true });
  const g = new Graph('tiny classifier');
  const ids = cast(g.input('input_ids', inputs, dims), 'int64');
  const given = cast(g.input('attention_mask', inputs, dims), 'float32');
  const seen = maskless ? add(scale(given, 0), g.constant([1], [1])) : given;
  const mask = reshape(seen, [0, 0, 1], [...dims, 1]);
  const embeddings = Float32Array.from(table);
  const tensors = [
    { name: 'embedding', shape: [tinyVocabulary, width], data: embeddings },
    { name: 'head', shape: [labels, width], data: head(labels) },
  ];
  const bytes = Buffer.concat([...safetensorsChunks(tensors)]);
  let offset = 8 + Number(Buffer.from(bytes).readBigUInt64LE(0));
  if (brokenByte !== undefined) embeddings[brokenByte * width] = NaN;
  const [embeddingTable, headWeight] = tensors.map(({ name, shape, data }) => {
    const source = { location: 'model.safetensors', offset, length: data.byteLength };
    offset += data.byteLength;
    return g.weight(name, shape, inside ? data : source);
  });
  if (embeddingTable === undefined || headWeight === undefined) throw new Error('two tensors make two weights');
  const total = emitReduce('ReduceSum', mul(embedding(embeddingTable, ids), mask), 1);
  const mean = reshape(emitBinary('Div', total, emitReduce('ReduceSum', mask, 1)), [0, width], [dims[0], width]);
  const plain = linear(mean, headWeight);
  const inSecond = (): Value => emitReduce('ReduceSum', cast(g.input('token_type_ids', inputs, dims), 'float32'), 1);
  const scored = segments ? add(plain, inSecond()) : plain;
  const mixed = options.entangled === true ? add(scored, scale(emitReduce('ReduceSum', plain, 0), 0.01)) : scored;
  const bounded = options.positions === undefined ? mixed : add(mixed, positionsOf(g, ids, options.positions));
  g.output(output, precision === 'float32' ? bounded : cast(bounded, precision));

  await mkdir(dirname(join(directory, file)), { recursive: true });
  await writeFile(join(directory, file), g.toModel().bytes);
  if (brokenByte === undefined) await writeFile(join(directory, 'model.safetensors'), bytes);
  const config = {
    architectures: ['LlamaForSequenceClassification'],
    model_type: 'llama',
    vocab_size: tinyVocabulary,
    max_position_embeddings: 128,
    pad_token_id: 256,
    ...(rewardYaml === undefined && { gapo_reward: { objective: 'tiny', threshold: 0.25 } }),
    ...options.config,
  };
  if (rewardYaml !== undefined) await writeFile(join(directory, 'reward.yaml'), rewardYaml);
  await writeFile(join(directory, 'config.json'), JSON.stringify(config, undefined, 2));
  await writeFile(join(directory, 'tokenizer.json'), JSON.stringify(byteTokenizer()));
  await writeFile(
    join(directory, 'tokenizer_config.json'),
    JSON.stringify({
      tokenizer_class: 'PreTrainedTokenizerFast',
      pad_token: '<pad>',
      eos_token: { content: '<end>' },
      chat_template: "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{{ eos_token }}{% endfor %}",
    }),
  );
}

function head(labels: number): Float32Array {
  return filled(labels * width, 7);
}

/** Looks up the position of each token in a table of zeros, as [B, 1]: a longer sequence fails. */
function positionsOf(g: Graph, ids: Value, count: number): Value {
  const table = g.weight('positions', [count, 1], new Float32Array(count));
  const ones = emitBinary('Div', add(ids, g.integers([1])), add(ids, g.integers([1])));
  const places = add(g.emit('CumSum', [ones, g.integers([1])], { dtype: 'int64', dims: ids.dims }), g.integers([-1]));
  return emitReduce('ReduceSum', reshape(embedding(table, places), [0, -1], ids.dims), 1);
}

/** Returns the token ids of an exchange under the directory's chat template and tokenizer. */
export function tinyTokens(prompt: string, completion: string): number[] {
  const [, user, assistant, end] = specials.map((_, index) => 256 + index) as [number, number, number, number];
  return [user, ...Buffer.from(prompt, 'utf8'), end, assistant, ...Buffer.from(completion, 'utf8'), end];
}

/** Returns the logits of token ids: the head times the mean embedding, in float64. */
export function tinyLogits(ids: readonly number[], labels = 1): number[] {
  const weights = head(labels);
  return Array.from({ length: labels }, (_, label) => {
    let sum = 0;
    for (const id of ids) {
      for (let c = 0; c < width; c++) sum += f32(table, id * width + c) * f32(weights, label * width + c);
    }
    return sum / ids.length;
  });
}

/** Returns the token ids of two texts in the tokenizer's own template: user first end second end. */
export function tinyPair(first: string, second: string): number[] {
  const [, user, , end] = specials.map((_, index) => 256 + index) as [number, number, number, number];
  return [user, ...Buffer.from(first, 'utf8'), end, ...Buffer.from(second, 'utf8'), end];
}

/** Every byte is a token; special tokens are found in the text. */
function byteTokenizer(): object {
  const vocabulary: Record<string, number> = {};
  for (const [byte, character] of byteCharacters().entries()) vocabulary[character] = byte;
  const added = specials.map((content, index) => ({
    id: 256 + index,
    content,
    special: true,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
  }));
  for (const { id, content } of added) vocabulary[content] = id;
  return {
    version: '1.0',
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: {
      type: 'TemplateProcessing',
      single: [special('<user>', 0), sequence('A', 0), special('<end>', 0)],
      pair: [special('<user>', 0), sequence('A', 0), special('<end>', 0), sequence('B', 1), special('<end>', 1)],
      special_tokens: Object.fromEntries(
        added.map(({ id, content }) => [content, { id: content, ids: [id], tokens: [content] }]),
      ),
    },
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    model: { type: 'BPE', vocab: vocabulary, merges: [], unk_token: null },
  };
}

const special = (id: string, segment: number): object => ({ SpecialToken: { id, type_id: segment } });
const sequence = (id: string, segment: number): object => ({ Sequence: { id, type_id: segment } });

/** The printable character that represents each byte in a byte-level tokenizer. */
function byteCharacters(): string[] {
  const printable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let spare = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : spare++));
}
