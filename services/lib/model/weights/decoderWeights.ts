/** Accounts for every tensor of a model directory: which weight of the decoder it is, or why it is not one. */
import { insteadOfQuantized } from '../architectures/quantization.js';
import type { DecoderConfig } from '../decoderConfig.js';
import { decoderTensors } from '../decoderLayout.js';
import { type KeyOptions, usualList } from '../knownKeys.js';
import { type AnyEntry, isFloat, typeProblem } from './safetensors.js';
import { type AnyStoredTensor, type StoredTensor, haveSameBytes } from './storedTensors.js';
import { sizeOf, tensorMismatches } from './tensors.js';
import type { FoundTensors } from './weightFiles.js';

/** A decoder's weights in its files. */
export interface DecoderWeights {
  /** The configuration. Its output projection is not tied if the files have one that differs from the embeddings. */
  readonly config: DecoderConfig;
  /** Every weight by its Hugging Face name. */
  readonly weights: ReadonlyMap<string, StoredTensor>;
  /** What was decided if config.json and the files differ, as sentences for the user. */
  readonly notes: readonly string[];
  /** Every tensor that is missing, unexpected, misshapen or of a type that cannot be read. */
  readonly problems: readonly string[];
}

/**
 * Determines a decoder's weights. Skips buffers determined by the configuration, whatever their type. Checkpoints of the
 * trunk alone omit the trunk's prefix. A tied table may be stored under the embeddings' name, the output projection's, or
 * both. If the two differ, they are not tied, as in transformers.
 */
export async function decoderWeights(
  config: DecoderConfig,
  found: FoundTensors,
  { ignoreKeys = [], listedIn = usualList }: KeyOptions = {},
): Promise<DecoderWeights> {
  const different = otherKind(config, [...found.tensors.values()]);
  if (different !== undefined) return { config, weights: new Map(), notes: [], problems: [different] };
  const tensors = named(config, found.tensors);
  const { head, trunk } = config.names;
  const embedding = trunk + config.names.embedding;
  const [table, projection] = [tensors.get(embedding), tensors.get(head)];
  let tiedEmbeddings = config.tiedEmbeddings;
  const notes: string[] = [];
  if (tiedEmbeddings && projection !== undefined) {
    if (table === undefined) tensors.set(embedding, { ...projection, name: embedding });
    if (table === undefined || (await haveSameBytes(table, projection))) tensors.delete(head);
    else {
      tiedEmbeddings = false;
      notes.push(
        `config.json ties the output projection to the embeddings, but '${head}' and '${embedding}' differ in the ` +
          'weights: both are kept, as transformers does',
      );
    }
  }
  const actual = { ...config, tiedEmbeddings };
  const expected = decoderTensors(actual);
  const isIgnored = (name: string): boolean => ignoreKeys.some((key) => name === key || name.startsWith(`${key}.`));
  const needed = new Set(expected.map(({ name }) => name));
  const surplus = [...tensors.keys()].filter((name) => !needed.has(name));
  for (const name of surplus) if (isIgnored(name)) tensors.delete(name);
  const absent = [...found.absent].filter(([name]) => !isSkipped(actual, name)).map(([, problem]) => problem);
  const weights = new Map([...tensors.values()].filter(isFloat).map((tensor) => [tensor.name, tensor] as const));
  return {
    config: actual,
    weights,
    notes,
    problems: [
      ...layerProblems(config, [...tensors.keys()]),
      ...found.problems,
      ...absent,
      ...expected
        .flatMap(({ name }) => [tensors.get(name) ?? []].flat())
        .filter((tensor) => !isFloat(tensor))
        .map(typeProblem),
      ...emptyProblems(tensors),
      ...tensorMismatches(expected, tensors, 'config.json'),
      ...(surplus.some((name) => tensors.has(name))
        ? [`list tensors that the model does not need in ${listedIn}, by their names or the start of them`]
        : []),
    ],
  };
}

/** Returns why the tensors do not belong to a decoder at all: they are quantized, or were saved as part of another model. */
function otherKind({ names }: DecoderConfig, tensors: readonly AnyStoredTensor[]): string | undefined {
  const quantized = quantizedTensor(tensors);
  if (quantized !== undefined) {
    const { name, dtype } = quantized;
    return `tensor '${name}' is ${dtype}: the weights are quantized; ${insteadOfQuantized}`;
  }
  const embedding = names.trunk + names.embedding;
  const within = tensors.find(({ name }) => name.endsWith(`.${embedding}`))?.name;
  if (within === undefined || tensors.some(({ name }) => name === embedding)) return undefined;
  return `the names of its tensors begin with '${within.slice(0, -embedding.length)}': save the model itself, not a wrapper`;
}

/** Maps the decoder's names to its tensors. */
function named(config: DecoderConfig, tensors: ReadonlyMap<string, AnyStoredTensor>): Map<string, AnyStoredTensor> {
  const { trunk, buffers, head } = config.names;
  const names = [...tensors.keys()];
  const bare = !names.some((name) => name.startsWith(trunk));
  return new Map(
    [...tensors]
      .filter(([name]) => !buffers.test(name))
      .map(([onDisk, tensor]) => {
        const name = bare && onDisk !== head ? trunk + onDisk : onDisk;
        return [name, { ...tensor, name }];
      }),
  );
}

/** Whether the decoder does not need a tensor with that name in its files. */
function isSkipped({ names, tiedEmbeddings }: DecoderConfig, name: string): boolean {
  const table = [names.head, names.embedding, names.trunk + names.embedding];
  return names.buffers.test(name) || (tiedEmbeddings && table.includes(name));
}

/** Reports how many layers the weights have if config.json states a different number. */
function layerProblems({ names, layers }: DecoderConfig, found: readonly string[]): readonly string[] {
  const prefix = `${names.trunk}${names.layers}.`;
  const numbers = found
    .filter((name) => name.startsWith(prefix))
    .map((name) => Number.parseInt(name.slice(prefix.length)))
    .filter((number) => Number.isInteger(number));
  const present = numbers.reduce((most, number) => Math.max(most, number + 1), 0);
  return present === layers || numbers.length === 0
    ? []
    : [`config.json has ${layers} layers, the weights have ${present}`];
}

/** Explains empty tensors, which DeepSpeed leaves if weights are saved while partitioned. */
function emptyProblems(tensors: ReadonlyMap<string, AnyStoredTensor>): readonly string[] {
  const empty = [...tensors.values()].filter(({ shape }) => sizeOf(shape) === 0);
  if (empty.length === 0) return [];
  return [
    `${empty.length} tensors have no elements, such as '${empty[0]?.name}': the model was saved while DeepSpeed ZeRO-3 had ` +
      'partitioned it; gather the weights with its zero_to_fp32.py',
  ];
}

/** Endings of the names of quantized weights and of their scales: GPTQ, AWQ, bitsandbytes, compressed-tensors, FP8, MXFP4. */
const quantizedNames =
  /\.(qweight|qzeros|scales|g_idx|SCB|absmax|quant_map|nested_absmax|weight_packed|weight_scale|weight_scale_inv|weight_zero_point|input_scale)$|\.quant_state\.|_(blocks|scales)$/;

function quantizedTensor<E extends AnyEntry>(tensors: readonly E[]): E | undefined {
  return tensors.find(
    ({ name, dtype }) => quantizedNames.test(name) || dtype.startsWith('F8_') || dtype.startsWith('F4'),
  );
}
