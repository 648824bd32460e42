/**
 * The Gram matrix of the objectives' gradients with respect to the logits, without a backward pass (MGDA-UB: Sener and
 * Koltun 2018, arXiv 1810.04650, with the logits as the shared representation).
 *
 * The gradient of s·ln p(target) with respect to a token's logits is s·(onehot − p), whose squared norm is
 * s²·(1 − 2·p(target) + Σ p²). No two tokens share logits, so
 * ⟨g_i, g_j⟩ = Σ_n s_in · s_jn · (1 − 2·p_n(target) + Σ p_n²).
 *
 * If a soft cap bounds the logits, gradients are taken at its input, the output of the last linear map: every gradient of a
 * parameter passes through the cap's slope c = 1 − (logit / cap)², one number per logit. The squared norm is then
 * s²·(c(target)²·(1 − 2·p(target)) + Σ c²·p²).
 */
import { Graph, Session, type Value, emitBinary, emitReduce, emitReshape, emitUnary } from '@gapo/graph';
import {
  type DecoderConfig,
  type DecoderModel,
  type NamedTensor,
  type TrainableSpec,
  trainableTensors,
} from '@gapo/model';
import { importanceRatio, surrogateSlope } from '@gapo/objectives';
import { checkSequences, toBatch } from '../batches/batch.js';
import { type MemoryOptions, splitByMemory } from '../batches/microBatches.js';
import { completionFeeds, parameterFeeds, pick } from '../decoder/completions.js';
import { continuationInputs, predictingStates } from '../decoder/continuations.js';
import { decoderOf, logits } from '../decoder/sequences.js';
import { tensorSource } from '../decoder/tensorSource.js';
import type { EngineOptions } from '../engineOptions.js';
import { type ShardInput, partOf } from './shard.js';

/** Computes Gram matrices at the logits. Holds one session; calls must not overlap. */
export class LogitGramEngine {
  readonly #session: Session;
  readonly #config: DecoderConfig;
  readonly #options: MemoryOptions;

  private constructor(session: Session, config: DecoderConfig, options: MemoryOptions) {
    this.#session = session;
    this.#config = config;
    this.#options = options;
  }

  static async open(model: DecoderModel, spec: TrainableSpec, options: EngineOptions): Promise<LogitGramEngine> {
    const { config } = model;
    const graph = new Graph('logit gram', options.precision);
    const { tensors } = tensorSource(graph, trainableTensors(config, spec), model.weights);
    const targets = graph.input('targets', 'int64', ['N']);
    const inverseTemperature = graph.floatInput('inverseTemperature', []);
    const decoder = decoderOf(config, tensors, spec.lora);
    const hidden = predictingStates(decoder, continuationInputs(graph, true));
    const cooled = logits(decoder, hidden, inverseTemperature); // [N, V]
    const axis = { kind: 'int', value: -1 } as const;
    const logp = graph.emit('LogSoftmax', [cooled], { dtype: graph.float, dims: cooled.dims }, { axis });
    const index = graph.emit('Unsqueeze', [targets, graph.integers([-1])], { dtype: 'int64', dims: ['N', 1] });
    const atTarget = (x: Value): Value =>
      graph.emit('GatherElements', [x, index], { dtype: graph.float, dims: ['N', 1] }, { axis });
    const picked = atTarget(logp); // [N, 1]
    const slope = capSlope(config, cooled, inverseTemperature); // [N, V], or undefined for 1
    const p = emitUnary('Exp', logp);
    const squares = emitReduce('ReduceSumSquare', slope === undefined ? p : emitBinary('Mul', p, slope), -1); // [N, 1]
    const target = slope && emitBinary('Pow', atTarget(slope), graph.constant(2));
    const twice = emitBinary('Mul', emitUnary('Exp', picked), graph.constant(2));
    const norms =
      target === undefined
        ? emitBinary('Sub', emitBinary('Add', squares, graph.constant(1)), twice)
        : emitBinary('Add', squares, emitBinary('Mul', target, emitBinary('Sub', graph.constant(1), twice)));
    graph.output('logprobs', emitReshape(picked, [-1], ['N']));
    graph.output('norms', emitReshape(norms, [-1], ['N']));
    return new LogitGramEngine(await Session.open(graph.toModel(), options), config, options);
  }

  /** The shard's Gram matrix, row-major [K, K], in float64. Clipped tokens have slope 0, as in the surrogate. */
  async compute(version: readonly NamedTensor[], input: ShardInput): Promise<Float64Array> {
    checkSequences(input.sequences, this.#config.context);
    const gram = new Float64Array(input.objectives ** 2);
    for (const indices of splitByMemory(this.#config, input.sequences, this.#options, {
      backward: false,
      shared: true,
    })) {
      await this.#addTo(gram, version, partOf(input, indices));
    }
    return gram;
  }

  async #addTo(gram: Float64Array, version: readonly NamedTensor[], input: ShardInput): Promise<void> {
    const batch = toBatch(input.sequences, this.#config.context, true);
    const feeds = { ...parameterFeeds(version), ...completionFeeds(batch, input.temperature) };
    const outputs = await this.#session.run(pick(feeds, this.#session.inputNames));
    const logprobs = outputs['logprobs']?.data as Float32Array;
    const norms = outputs['norms']?.data as Float32Array;
    const k = input.objectives;
    const slopes = new Float64Array(k);
    for (let n = 0; n < batch.tokens; n++) {
      const ratio = importanceRatio(logprobs[n] as number, input.oldLogprobs[n] as number);
      const row = input.advantagesPer === 'token' ? n : Number(batch.sequenceOf.data[n]);
      for (let i = 0; i < k; i++) {
        const advantage = input.advantages[row * k + i] as number;
        slopes[i] = surrogateSlope(ratio, advantage, input.clipRange) / input.denominator;
      }
      for (let i = 0; i < k; i++) {
        for (let j = 0; j < k; j++) {
          gram[i * k + j] =
            (gram[i * k + j] as number) + (slopes[i] as number) * (slopes[j] as number) * (norms[n] as number);
        }
      }
    }
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}

/** The slope of the soft cap, if any, at each logit: 1 − (logit / cap)². */
function capSlope({ logitCap }: DecoderConfig, cooled: Value, inverseTemperature: Value): Value | undefined {
  if (logitCap === undefined) return undefined;
  const g = cooled.graph;
  const bent = emitBinary('Div', cooled, emitBinary('Mul', inverseTemperature, g.constant(logitCap)));
  return emitBinary('Sub', g.constant(1), emitBinary('Mul', bent, bent));
}
