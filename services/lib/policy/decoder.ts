/**
 * A Llama-shaped decoder as a graph: RMSNorm, rotary embeddings, grouped-query attention, SwiGLU.
 *
 * The same layers serve whole sequences (training, log-probabilities, prefill) and single steps (sampling): only how a
 * step attends differs, and that is the caller's `attend`.
 */
import {
  type Graph,
  type Value,
  add,
  cast,
  emitBinary,
  emitUnary,
  embedding,
  linear,
  matmul,
  mul,
  reshape,
  rmsNorm,
  rotary,
  silu,
  softmax,
  transpose,
} from '@gapo/graph';
import { type DecoderConfig, type LoraSpec, adapterName, isTarget } from '@gapo/model';

/** Where a graph takes its tensors from, by Hugging Face name: inputs where they are trained, constants where frozen. */
export type Tensors = (name: string) => Value;

/** Linear maps of one input, by module name, with their adapters where they have any. */
export type Projection = (x: Value, modules: readonly string[]) => readonly Value[];

/** Scores below every real one: the softmax of a masked position is exactly 0. */
export const maskedScore = -1e30;

/** Linear maps with low-rank adapters: x·Wᵀ + (alpha / rank)·(x·Aᵀ)·Bᵀ. */
export function projection(tensors: Tensors, lora: LoraSpec | undefined): Projection {
  const one = (x: Value, module: string): Value => {
    const y = linear(x, tensors(`${module}.weight`));
    if (lora === undefined || !isTarget(lora, module)) return y;
    const low = linear(x, tensors(adapterName(module, 'A'))); // [..., rank]
    return add(y, linear(low, tensors(adapterName(module, 'B')), lora.alpha / lora.rank));
  };
  return (x, modules) => modules.map((module) => one(x, module));
}

/** Cosines and sines of the rotary angles, each [...positions, headWidth / 2]. `positions` is of the graph's float type. */
export interface RotaryAngles {
  readonly cos: Value;
  readonly sin: Value;
}

/** Rotary angles position · theta^(−2i / headWidth). positions [..., 1]. */
export function rotaryAngles(config: DecoderConfig, positions: Value): RotaryAngles {
  const half = config.headWidth / 2;
  const frequencies = Array.from({ length: half }, (_, i) => config.ropeTheta ** ((-2 * i) / config.headWidth));
  const angles = emitBinary('Mul', positions, positions.graph.constant(frequencies));
  return { cos: emitUnary('Cos', angles), sin: emitUnary('Sin', angles) };
}

/** One layer. x [..., width]; `attend` maps the normed input to the attention's output, before o_proj, [..., heads · headWidth]. */
export function decoderLayer(
  config: DecoderConfig,
  layer: number,
  x: Value,
  tensors: Tensors,
  project: Projection,
  attend: (normed: Value) => Value,
): Value {
  const prefix = `model.layers.${layer}`;
  const normed = rmsNorm(x, tensors(`${prefix}.input_layernorm.weight`), config.epsilon);
  const [attended] = project(attend(normed), [`${prefix}.self_attn.o_proj`]) as [Value];
  const afterAttention = add(x, attended);
  const inner = rmsNorm(afterAttention, tensors(`${prefix}.post_attention_layernorm.weight`), config.epsilon);
  const [gate, up] = project(inner, [`${prefix}.mlp.gate_proj`, `${prefix}.mlp.up_proj`]) as [Value, Value];
  const [down] = project(mul(silu(gate), up), [`${prefix}.mlp.down_proj`]) as [Value];
  return add(afterAttention, down);
}

/** The modules whose outputs are a layer's queries, keys and values. */
export function attentionModules(layer: number): readonly [string, string, string] {
  const prefix = `model.layers.${layer}.self_attn`;
  return [`${prefix}.q_proj`, `${prefix}.k_proj`, `${prefix}.v_proj`];
}

/** Keys and values of one layer, [B, keyValueHeads, T, headWidth], keys rotated. */
export interface KeysValues {
  readonly keys: Value;
  readonly values: Value;
}

/** What a decoder says of whole sequences. */
export interface DecoderOutput {
  /** The last hidden state after the final norm, [B, T, width]. */
  readonly hidden: Value;
  /** Every layer's keys and values. */
  readonly cache: readonly KeysValues[];
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
): DecoderOutput {
  const { heads, keyValueHeads, headWidth } = config;
  const groups = heads / keyValueHeads;
  const project = projection(tensors, lora);
  const positions = sequencePositions(ids); // [T]
  const angles = rotaryAngles(config, reshape(positions, [-1, 1], ['T', 1])); // [T, headWidth / 2]
  const mask = causalMask(positions, groups); // [groups·T, T]
  const cache: KeysValues[] = [];
  let x = embedding(tensors('model.embed_tokens.weight'), ids); // [B, T, width]
  for (let layer = 0; layer < config.layers; layer++) {
    x = decoderLayer(config, layer, x, tensors, project, (normed) => {
      const [q, k, v] = project(normed, attentionModules(layer)) as [Value, Value, Value];
      const queries = rotary(split(q, heads, headWidth), angles.cos, angles.sin);
      const keys = rotary(split(k, keyValueHeads, headWidth), angles.cos, angles.sin);
      const values = split(v, keyValueHeads, headWidth);
      cache.push({ keys, values });
      // Query heads that share keys lie together, so a group is one product: [B, kv, groups·T, headWidth].
      const grouped = reshape(queries, [0, keyValueHeads, -1, headWidth], ['B', keyValueHeads, 'G·T', headWidth]);
      const scores = matmul(grouped, keys, { transB: true, alpha: 1 / Math.sqrt(headWidth) }); // [B, kv, G·T, T]
      const mixed = matmul(softmax(add(scores, mask)), values); // [B, kv, G·T, headWidth]
      const perHead = reshape(mixed, [0, heads, -1, headWidth], ['B', heads, 'T', headWidth]);
      const rows = transpose(perHead, [0, 2, 1, 3]); // [B, T, heads, headWidth]
      return reshape(rows, [0, 0, heads * headWidth], ['B', 'T', heads * headWidth]);
    });
  }
  return { hidden: rmsNorm(x, tensors('model.norm.weight'), config.epsilon), cache };
}

/** Logits over the vocabulary. hidden [..., width] → [..., V]. */
export function logits(config: DecoderConfig, hidden: Value, tensors: Tensors): Value {
  return linear(hidden, tensors(config.tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight'));
}

/** [B, T, heads·headWidth] → [B, heads, T, headWidth]. */
function split(x: Value, heads: number, headWidth: number): Value {
  return transpose(reshape(x, [0, 0, heads, headWidth], ['B', 'T', heads, headWidth]), [0, 2, 1, 3]);
}

/** 0, 1, …, T − 1 in the graph's float type. */
function sequencePositions(ids: Value): Value {
  const g = ids.graph;
  const shape = g.emit('Shape', [ids], { dtype: 'int64', dims: [2] });
  const length = g.emit('Gather', [shape, g.integers([1], [])], { dtype: 'int64', dims: [] });
  return cast(
    g.emit('Range', [g.integers([0], []), length, g.integers([1], [])], { dtype: 'int64', dims: ['T'] }),
    g.float,
  );
}

/** 0 where a query may look, maskedScore where the key comes later; the rows repeat for each head of a group. */
function causalMask(positions: Value, groups: number): Value {
  const g: Graph = positions.graph;
  const queries = reshape(positions, [-1, 1], ['T', 1]);
  const keys = reshape(positions, [1, -1], [1, 'T']);
  const later = emitBinary('Greater', keys, queries, 'bool'); // [T, T]
  const mask = g.emit('Where', [later, g.constant(maskedScore), g.constant(0)], { dtype: g.float, dims: ['T', 'T'] });
  if (groups === 1) return g.emit('Identity', [mask], { dtype: g.float, dims: ['G·T', 'T'] });
  const axis = { axis: { kind: 'int', value: 0 } } as const;
  return g.emit(
    'Concat',
    Array.from({ length: groups }, () => mask),
    { dtype: g.float, dims: ['G·T', 'T'] },
    axis,
  );
}
