/**
 * A decoder as a graph, from its description: norms, positions, grouped-query attention, feed-forward layers.
 *
 * The same parts serve whole sequences (training, log-probabilities, prefill) and single steps (sampling): only how a
 * step attends differs, and that is the caller's `attend`.
 */
import {
  type Graph,
  type Value,
  adaptedLinear,
  add,
  attention,
  cast,
  checkpoint,
  embedding,
  emitBinary,
  emitUnary,
  gatherRows,
  geluTanh,
  layerNorm,
  linear,
  linearInOut,
  mul,
  reshape,
  rmsNorm,
  rotary,
  silu,
  splitLast,
  transpose,
} from '@gapo/graph';
import {
  type DecoderConfig,
  type LayerLayout,
  type LinearModule,
  type LoraSpec,
  adapterName,
  decoderLayout,
  isTarget,
  rotaryFrequencies,
} from '@gapo/model';

/** Where a graph takes its tensors from, by Hugging Face name: inputs where they are trained, constants where frozen. */
export type Tensors = (name: string) => Value;

/** Linear maps of one input, with their adapters where they have any. */
export type Projection = (x: Value, modules: readonly LinearModule[]) => readonly Value[];

/** Scores below every real one: the softmax of a masked position is exactly 0. */
export const maskedScore = -1e30;

/**
 * Elements of a weight that its adapter is still merged into. A sum of weight and adapter costs a pass over the weight
 * and memory for another, and saves passes over the rows: it pays where the rows of a batch, at most a few thousand, are
 * more than the weight's. In float16 the sum would lose a small adapter. 4 MiB; the weights of a model of a billion parameters are larger, and stay one mapped copy.
 */
export const mergedElements = 1 << 20;

/** Linear maps with low-rank adapters: x·(W + s·B·A)ᵀ + b, or x·Wᵀ + s·(x·Aᵀ)·Bᵀ + b where W is large; s = alpha / rank. */
export function projection(tensors: Tensors, lora: LoraSpec | undefined): Projection {
  const product = (x: Value, { name, into, out, inOut }: LinearModule): Value => {
    const w = tensors(`${name}.weight`);
    const plain = inOut ? linearInOut : linear;
    if (lora === undefined || !isTarget(lora, name)) return plain(x, w);
    const [a, b] = [tensors(adapterName(name, 'A')), tensors(adapterName(name, 'B'))];
    const scale = lora.alpha / lora.rank;
    if (into * out <= mergedElements && w.graph.precision !== 'float16')
      return adaptedLinear(x, w, { a, b, scale }, inOut);
    return add(plain(x, w), linear(linear(x, a), b, scale));
  };
  return (x, modules) =>
    modules.map((module) => {
      const y = product(x, module);
      return module.bias ? add(y, tensors(`${module.name}.bias`)) : y;
    });
}

/** A norm over the last axis. `name` is its module's. */
export function norm(config: DecoderConfig, tensors: Tensors, name: string, x: Value): Value {
  const gain = tensors(`${name}.weight`);
  return config.norm === 'rms'
    ? rmsNorm(x, gain, config.epsilon)
    : layerNorm(x, gain, tensors(`${name}.bias`), config.epsilon);
}

/** What enters the first layer: token embeddings, plus those of their positions where these are learned. ids, positions int64 [...] → [..., width]. */
export function embed(config: DecoderConfig, tensors: Tensors, ids: Value, positions: Value): Value {
  const layout = decoderLayout(config);
  const x = embedding(tensors(layout.embedding), ids);
  return config.positions.kind === 'learned' ? add(x, embedding(tensors(layout.positions), positions)) : x;
}

/** Makes one layer's queries or keys, by head [..., headWidth], ready for their product. */
export type HeadTransform = (perHead: Value, normName: string) => Value;

/**
 * Queries and keys normed over each head and turned by their positions, where the decoder does either.
 * positions int64, one for each head vector, with a last axis of 1: broadcast against [..., headWidth / 2].
 */
export function headTransform(config: DecoderConfig, tensors: Tensors, positions: Value): HeadTransform {
  const normed: HeadTransform = (x, name) =>
    config.queryKeyNorm ? rmsNorm(x, tensors(`${name}.weight`), config.epsilon) : x;
  if (config.positions.kind === 'learned') return normed;
  const g = positions.graph;
  const frequencies = g.constant(rotaryFrequencies(config.headWidth, config.positions));
  const angles = emitBinary('Mul', cast(positions, g.float), frequencies);
  const [cos, sin] = [emitUnary('Cos', angles), emitUnary('Sin', angles)];
  return (x, name) => rotary(normed(x, name), cos, sin);
}

/** A layer's queries, keys and values side by side, before any head is told from another: [..., heads · headWidth] each. */
export function queriesKeysValues(
  { heads, keyValueHeads, headWidth }: DecoderConfig,
  layer: LayerLayout,
  project: Projection,
  normed: Value,
): readonly [queries: Value, keys: Value, values: Value] {
  const outputs = project(normed, layer.queryKeyValue);
  const widths = [heads, keyValueHeads, keyValueHeads].map((count) => count * headWidth);
  const [first] = outputs as [Value];
  return (outputs.length === 1 ? splitLast(first, widths) : outputs) as unknown as readonly [Value, Value, Value];
}

/**
 * One layer. x [..., width]; `attend` maps the normed input to the attention's output, before its projection,
 * [..., heads · headWidth]; `kept` picks the rows that go on from there: all of them, unless it is the last layer.
 */
export function decoderLayer(
  config: DecoderConfig,
  layer: LayerLayout,
  x: Value,
  tensors: Tensors,
  project: Projection,
  attend: (normed: Value) => Value,
  kept: (x: Value) => Value = (x) => x,
): Value {
  const attended = attend(norm(config, tensors, layer.attentionNorm, x));
  const [mixed] = project(kept(attended), [layer.attentionOutput]) as [Value];
  const afterAttention = add(kept(x), mixed);
  const inner = project(norm(config, tensors, layer.feedForwardNorm, afterAttention), layer.feedForwardIn);
  const [down] = project(activate(config, inner), [layer.feedForwardOut]) as [Value];
  return add(afterAttention, down);
}

function activate({ activation }: DecoderConfig, inner: readonly Value[]): Value {
  const [first, second] = inner as [Value, Value];
  return activation === 'swiglu' ? mul(silu(first), second) : geluTanh(first);
}

/** Keys and values of one layer, [B, keyValueHeads, T, headWidth], keys as they enter the product. */
export interface KeysValues {
  readonly keys: Value;
  readonly values: Value;
}

/** What a decoder says of whole sequences. */
export interface DecoderOutput {
  /** The last hidden state after the final norm, [B, T, width], or [N, width] of the rows that were asked for. */
  readonly hidden: Value;
  /** Every layer's keys and values. */
  readonly cache: readonly KeysValues[];
}

/** What is computed of whole sequences, and what is kept. */
export interface SequenceOptions {
  /** int64 [N]: the positions b · T + t whose hidden states are wanted; the last layer's feed-forward runs for them alone. */
  readonly rows?: Value;
  /** Whether backward passes keep each layer's input alone and compute the rest of it again. @default false */
  readonly recompute?: boolean;
}

/**
 * The decoder over whole sequences, padded on the right. ids int64 [B, T].
 * A position attends to itself and earlier ones, so what stands in the padding reaches no real token.
 */
export function decodeSequences(
  config: DecoderConfig,
  ids: Value,
  tensors: Tensors,
  lora: LoraSpec | undefined,
  { rows, recompute = false }: SequenceOptions = {},
): DecoderOutput {
  const { heads, keyValueHeads, headWidth } = config;
  const groups = heads / keyValueHeads;
  const layout = decoderLayout(config);
  const project = projection(tensors, lora);
  const positions = sequencePositions(ids); // [T]
  const transform = headTransform(config, tensors, reshape(positions, [-1, 1], ['T', 1]));
  const masks = new Map<number | undefined, Value>(); // by window, [groups·T, T]
  const cache: KeysValues[] = [];
  let x = embed(config, tensors, ids, everyRow(ids, positions)); // [B, T, width]
  layout.layers.forEach((layer, index) => {
    const window = config.windows[index];
    const mask = masks.get(window) ?? attentionMask(positions, groups, window);
    masks.set(window, mask);
    const attend = (normed: Value): Value => {
      const [q, k, v] = queriesKeysValues(config, layer, project, normed);
      const queries = transform(split(q, heads, headWidth), layer.queryNorm);
      const keys = transform(split(k, keyValueHeads, headWidth), layer.keyNorm);
      const values = split(v, keyValueHeads, headWidth);
      cache[index] ??= { keys, values };
      // Query heads that share keys lie together, so a group is one product: [B, kv, groups·T, headWidth].
      const grouped = reshape(queries, [0, keyValueHeads, -1, headWidth], ['B', keyValueHeads, 'G·T', headWidth]);
      const mixed = attention(grouped, keys, values, mask, 1 / Math.sqrt(headWidth)); // [B, kv, G·T, headWidth]
      const perHead = reshape(mixed, [0, heads, -1, headWidth], ['B', heads, 'T', headWidth]);
      const joined = transpose(perHead, [0, 2, 1, 3]); // [B, T, heads, headWidth]
      return reshape(joined, [0, 0, heads * headWidth], ['B', 'T', heads * headWidth]);
    };
    const last = index === layout.layers.length - 1 ? rows : undefined;
    const kept = last && ((all: Value): Value => gatherRows(all, last));
    const whole = (input: Value): Value => decoderLayer(config, layer, input, tensors, project, attend, kept);
    x = recompute ? checkpoint(x, whole) : whole(x);
  });
  return { hidden: norm(config, tensors, layout.finalNorm, x), cache };
}

/** Logits over the vocabulary. hidden [..., width] → [..., V]. */
export function logits(config: DecoderConfig, hidden: Value, tensors: Tensors): Value {
  return linear(hidden, tensors(decoderLayout(config).head));
}

/** [B, T, heads·headWidth] → [B, heads, T, headWidth]. */
function split(x: Value, heads: number, headWidth: number): Value {
  return transpose(reshape(x, [0, 0, heads, headWidth], ['B', 'T', heads, headWidth]), [0, 2, 1, 3]);
}

/** 0, 1, …, T − 1, int64. */
function sequencePositions(ids: Value): Value {
  const g = ids.graph;
  const shape = g.emit('Shape', [ids], { dtype: 'int64', dims: [2] });
  const length = g.emit('Gather', [shape, g.integers([1], [])], { dtype: 'int64', dims: [] });
  return g.emit('Range', [g.integers([0], []), length, g.integers([1], [])], { dtype: 'int64', dims: ['T'] });
}

/** Positions [T] for each sequence of ids [B, T]: rows of a batch, as gradients of parameters are summed over. */
function everyRow(ids: Value, positions: Value): Value {
  const g: Graph = ids.graph;
  const shape = g.emit('Shape', [ids], { dtype: 'int64', dims: [2] });
  return g.emit('Expand', [positions, shape], { dtype: 'int64', dims: ids.dims });
}

/** 0 where a query may look, maskedScore where the key comes later or lies before the window; the rows repeat for each head of a group. */
function attentionMask(positions: Value, groups: number, window: number | undefined): Value {
  const g: Graph = positions.graph;
  const queries = reshape(positions, [-1, 1], ['T', 1]);
  const keys = reshape(positions, [1, -1], [1, 'T']);
  const later = emitBinary('Greater', keys, queries, 'bool'); // [T, T]
  const hidden = window === undefined ? later : emitBinary('Or', later, beforeWindow(keys, queries, window), 'bool');
  const mask = g.emit('Where', [hidden, g.constant(maskedScore), g.constant(0)], { dtype: g.float, dims: ['T', 'T'] });
  if (groups === 1) return g.emit('Identity', [mask], { dtype: g.float, dims: ['G·T', 'T'] });
  const axis = { axis: { kind: 'int', value: 0 } } as const;
  return g.emit(
    'Concat',
    Array.from({ length: groups }, () => mask),
    { dtype: g.float, dims: ['G·T', 'T'] },
    axis,
  );
}

/** Whether a key's position lies before the window that ends at the query's: key ≤ query − window. Positions int64. */
export function beforeWindow(keys: Value, queries: Value, window: number): Value {
  const edge = emitBinary('Sub', queries, queries.graph.integers([window], []));
  return emitBinary('LessOrEqual', keys, edge, 'bool');
}
