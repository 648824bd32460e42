/** Forward passes written out as loops over float64 arrays, with tensors by their names on disk. The graphs are compared with them. */
import { Graph, Session, int64 } from '@gapo/graph';
import type { Adapter, DecoderModel, NamedTensor } from '@gapo/model';
import { parameterFeeds } from './decoder/completions.js';
import { decodeSequences, decoderOf, logits } from './decoder/sequences.js';
import { tensorSource } from './decoder/tensorSource.js';

export type Vector = number[];
/** A config.json. */
export type Config = Readonly<Record<string, unknown>>;
/** Tensors by name. */
export type Weights = ReadonlyMap<string, NamedTensor>;

/** y = x · wᵀ + b of a weight stored [out, in], or x · w + b of one stored [in, out]. */
function linearMap(weights: Weights, name: string, x: Vector, inOut = false): Vector {
  const { data, shape } = weights.get(`${name}.weight`) as NamedTensor;
  const [rows, columns] = shape as [number, number];
  const out = inOut ? columns : rows;
  const bias = weights.get(`${name}.bias`)?.data;
  return Array.from({ length: out }, (_, o) => {
    let total = bias?.[o] ?? 0;
    x.forEach((value, i) => (total += value * (data[inOut ? i * columns + o : o * columns + i] as number)));
    return total;
  });
}

function row(weights: Weights, name: string, index: number): Vector {
  const { data, shape } = weights.get(name) as NamedTensor;
  const width = shape[1] as number;
  return [...data.subarray(index * width, (index + 1) * width)];
}

function rms(weights: Weights, name: string, x: Vector, epsilon: number): Vector {
  const gain = (weights.get(`${name}.weight`) as NamedTensor).data;
  const mean = x.reduce((total, value) => total + value * value, 0) / x.length;
  return x.map((value, i) => (value / Math.sqrt(mean + epsilon)) * (gain[i] as number));
}

function layerNormed(weights: Weights, name: string, x: Vector, epsilon: number): Vector {
  const gain = (weights.get(`${name}.weight`) as NamedTensor).data;
  const bias = (weights.get(`${name}.bias`) as NamedTensor).data;
  const mean = x.reduce((total, value) => total + value, 0) / x.length;
  const variance = x.reduce((total, value) => total + (value - mean) ** 2, 0) / x.length;
  return x.map(
    (value, i) => ((value - mean) / Math.sqrt(variance + epsilon)) * (gain[i] as number) + (bias[i] as number),
  );
}

const plus = (a: Vector, b: Vector): Vector => a.map((value, i) => value + (b[i] as number));

/** Attention of every position over heads [T][head][channel]: queries share keys in groups and see `window` positions. */
function attention(q: Vector[][], k: Vector[][], v: Vector[][], window: number): Vector[] {
  return q.map((heads, t) =>
    heads.flatMap((query, head) => {
      const shared = Math.floor((head * (k[0] as Vector[]).length) / heads.length);
      const seen = Array.from({ length: t + 1 }, (_, s) => s).filter((s) => t - s < window);
      const scores = seen.map((s) => {
        const key = k[s]?.[shared] as Vector;
        return query.reduce((total, value, i) => total + value * (key[i] as number), 0) / Math.sqrt(query.length);
      });
      const largest = Math.max(...scores);
      const powers = scores.map((score) => Math.exp(score - largest));
      const total = powers.reduce((a, b) => a + b, 0);
      return query.map((_, i) =>
        seen.reduce((mixed, s, at) => mixed + ((powers[at] as number) / total) * (v[s]?.[shared]?.[i] as number), 0),
      );
    }),
  );
}

const byHead = (x: Vector, width: number): Vector[] =>
  Array.from({ length: x.length / width }, (_, head) => x.slice(head * width, (head + 1) * width));

/** Inverse frequencies as in the papers' code: Llama 3.1 divides depending on the wavelength, linear scaling by the factor. */
function frequencies(config: Config, width: number): Vector {
  const scaling = config['rope_scaling'] as Record<string, number | string> | undefined;
  return Array.from({ length: width / 2 }, (_, i) => {
    const plain = 1 / (config['rope_theta'] as number) ** ((2 * i) / width);
    if (scaling === undefined) return plain;
    const factor = scaling['factor'] as number;
    if (scaling['type'] === 'linear') return plain / factor;
    const wavelength = (2 * Math.PI) / plain;
    const context = scaling['original_max_position_embeddings'] as number;
    const [low, high] = [scaling['low_freq_factor'] as number, scaling['high_freq_factor'] as number];
    if (wavelength < context / high) return plain;
    if (wavelength > context / low) return plain / factor;
    const smooth = (context / wavelength - low) / (high - low);
    return ((1 - smooth) * plain) / factor + smooth * plain;
  });
}

function rotated(x: Vector, position: number, frequency: Vector): Vector {
  const half = x.length / 2;
  return x.map((value, i) => {
    const angle = position * (frequency[i % half] as number);
    const other = i < half ? -(x[i + half] as number) : (x[i - half] as number);
    return value * Math.cos(angle) + other * Math.sin(angle);
  });
}

/** Logits [T][V] of Llama, Mistral, Qwen2 and Qwen3. */
export function llamaLogits(config: Config, weights: Weights, ids: readonly number[]): Vector[] {
  const heads = config['num_attention_heads'] as number;
  const width = (config['head_dim'] as number | undefined) ?? (config['hidden_size'] as number) / heads;
  const epsilon = config['rms_norm_eps'] as number;
  const frequency = frequencies(config, width);
  let x = ids.map((id) => row(weights, 'model.embed_tokens.weight', id));
  for (let layer = 0; layer < (config['num_hidden_layers'] as number); layer++) {
    const name = (part: string): string => `model.layers.${layer}.${part}`;
    const normed = x.map((value) => rms(weights, name('input_layernorm'), value, epsilon));
    const turned = (part: 'q' | 'k'): Vector[][] =>
      normed.map((value, position) =>
        byHead(linearMap(weights, name(`self_attn.${part}_proj`), value), width).map((head) => {
          const ready =
            config['model_type'] === 'qwen3' ? rms(weights, name(`self_attn.${part}_norm`), head, epsilon) : head;
          return rotated(ready, position, frequency);
        }),
      );
    const values = normed.map((value) => byHead(linearMap(weights, name('self_attn.v_proj'), value), width));
    const slides = layer >= ((config['max_window_layers'] as number | undefined) ?? 0);
    const window = slides ? ((config['sliding_window'] as number | undefined) ?? Infinity) : Infinity;
    const mixed = attention(turned('q'), turned('k'), values, window);
    x = x.map((value, t) => {
      const attended = plus(value, linearMap(weights, name('self_attn.o_proj'), mixed[t] as Vector));
      const inner = rms(weights, name('post_attention_layernorm'), attended, epsilon);
      const gate = linearMap(weights, name('mlp.gate_proj'), inner).map((u) => u / (1 + Math.exp(-u)));
      const up = linearMap(weights, name('mlp.up_proj'), inner);
      const product = gate.map((u, i) => u * (up[i] as number));
      return plus(attended, linearMap(weights, name('mlp.down_proj'), product));
    });
  }
  const head = config['tie_word_embeddings'] === true ? 'model.embed_tokens' : 'lm_head';
  return x.map((value) => linearMap(weights, head, rms(weights, 'model.norm', value, epsilon)));
}

/** Logits [T][V] of GPT-2. */
export function gpt2Logits(config: Config, weights: Weights, ids: readonly number[]): Vector[] {
  const width = (config['n_embd'] as number) / (config['n_head'] as number);
  const epsilon = config['layer_norm_epsilon'] as number;
  let x = ids.map((id, position) =>
    plus(row(weights, 'transformer.wte.weight', id), row(weights, 'transformer.wpe.weight', position)),
  );
  for (let layer = 0; layer < (config['n_layer'] as number); layer++) {
    const name = (part: string): string => `transformer.h.${layer}.${part}`;
    const parts = x.map((value) => {
      const normed = layerNormed(weights, name('ln_1'), value, epsilon);
      return byHead(linearMap(weights, name('attn.c_attn'), normed, true), value.length);
    });
    const heads = (part: number): Vector[][] => parts.map((value) => byHead(value[part] as Vector, width));
    const mixed = attention(heads(0), heads(1), heads(2), Infinity);
    x = x.map((value, t) => {
      const attended = plus(value, linearMap(weights, name('attn.c_proj'), mixed[t] as Vector, true));
      const inner = linearMap(weights, name('mlp.c_fc'), layerNormed(weights, name('ln_2'), attended, epsilon), true);
      const active = inner.map((u) => 0.5 * u * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (u + 0.044715 * u * u * u))));
      return plus(attended, linearMap(weights, name('mlp.c_proj'), active, true));
    });
  }
  return x.map((value) =>
    linearMap(weights, 'transformer.wte', layerNormed(weights, 'transformer.ln_f', value, epsilon)),
  );
}

/** The graph's logits [B · length, V] of sequences of one length, under the model and, if given, an adapter. */
export async function logitsOf(
  model: DecoderModel,
  sequences: readonly number[],
  length: number,
  adapter?: Adapter,
): Promise<Float32Array> {
  const graph = new Graph('logits');
  const { tensors } = tensorSource(graph, adapter?.tensors ?? [], model.weights);
  const input = graph.input('ids', 'int64', ['B', 'T']);
  const decoder = decoderOf(model.config, tensors, adapter?.lora);
  graph.output('logits', logits(decoder, decodeSequences(decoder, input).hidden, graph.constant(1)));
  const session = await Session.open(graph.toModel(), { threads: 1 });
  const feeds = { ids: { data: int64(sequences), dims: [sequences.length / length, length] } };
  const found = await session.run({ ...feeds, ...parameterFeeds(adapter?.tensors ?? []) });
  await session.close();
  return found['logits']?.data as Float32Array;
}
