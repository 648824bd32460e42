/** The graph that maps a batch and its advantages to one gradient per objective and one of the regularizers. */
import { Graph, type Precision, type Seed, type Value, emitBinary, emitStack, gradients } from '@gapo/graph';
import {
  type DecoderConfig,
  type TensorShape,
  type TrainableSpec,
  type Weight,
  decoderLayout,
  trainableTensors,
} from '@gapo/model';
import { at } from '@gapo/numeric';
import { completionValues } from '../decoder/completions.js';
import { tensorSource } from '../decoder/tensorSource.js';
import {
  column,
  uniformSlope,
  klSlope,
  ratio,
  signedPart,
  surrogateSlope,
  tokenSurrogateSlope,
  valueSlope,
} from './lossSlopes.js';

/** Which gradients a graph computes, and how many backward passes that takes. */
export interface GradientGraphOptions {
  readonly config: DecoderConfig;
  readonly spec: TrainableSpec;
  /** K. */
  readonly objectives: number;
  /**
   * `unclipped`: one advantage per sequence, no token clipped; one backward pass for all objectives.
   * `signed`: one advantage per sequence, some tokens clipped; one pass per sign of the advantages.
   * `token`: one advantage per token; one pass per objective.
   */
  readonly passes: 'unclipped' | 'signed' | 'token';
  readonly clipRange: number;
  /** Whether to compute the regularizer's gradient, in a separate pass. */
  readonly regularized: boolean;
  /** Whether the regularizer has a KL term. @default true */
  readonly kl?: boolean;
  /** Whether the regularizer has an entropy bonus. @default true */
  readonly entropy?: boolean;
  /** Which trained tensors get gradients; with `lastLayer` the backward pass ends there. @default 'all' */
  readonly scope?: GradientScope;
  /** Whether completions of one prompt share its rows. Backward, those rows run once for each objective. @default false */
  readonly shared?: boolean;
  /** Whether backward passes recompute each layer instead of keeping its activations. @default false */
  readonly recompute?: boolean;
  /** @default 'float32' */
  readonly precision?: Precision;
}

/** All trained tensors, or only those of the last decoder layer. */
export type GradientScope = 'all' | 'lastLayer';

/** The trained tensors of a scope, in order. */
export function tensorsOf(scope: GradientScope, config: DecoderConfig, spec: TrainableSpec): readonly TensorShape[] {
  const trained = trainableTensors(config, spec);
  if (scope === 'all') return trained;
  const { prefix } = at(decoderLayout(config).layers, config.layers - 1);
  return trained.filter(({ name }) => name.includes(prefix));
}

/** Names of gradient outputs: [K, ...shape] for the objectives, shape for the regularizer. */
export const gradientNames = {
  objectives: (parameter: string): string => `objectives.${parameter}`,
  regularizer: (parameter: string): string => `regularizer.${parameter}`,
} as const;

/**
 * Builds the graph. Inputs: those of completionValues, the trained tensors, `advantages` [B, K] or [N, K],
 * `oldLogprobs` [N], `denominator`; with a regularizer also `referenceLogprobs` [N] and `klCoefficient`,
 * `entropyCoefficient`, and, with value heads, `oldValues` and `returns` [N, heads], `valueCoefficient`, `valueClip`.
 * Outputs: gradients by gradientNames (absent for tensors on which no loss depends), `logprobs`, `entropy`, `values`.
 */
export function gradientGraph(options: GradientGraphOptions, frozen: ReadonlyMap<string, Weight>): Graph {
  const {
    config,
    spec,
    objectives,
    passes,
    clipRange,
    regularized,
    kl = true,
    entropy = true,
    scope = 'all',
    shared = false,
    recompute = false,
  } = options;
  const graph = new Graph('gradients', options.precision);
  const all = trainableTensors(config, spec);
  const { tensors, parameters } = tensorSource(graph, all, frozen);
  const trained = tensorsOf(scope, config, spec);
  const completions = completionValues(graph, config, spec, tensors, { shared, recompute });
  const { logprobs, values } = completions;
  const oldLogprobs = graph.floatInput('oldLogprobs', ['N']);
  const denominator = graph.floatInput('denominator', []);
  // Divided by thousands of tokens, a token's gradient would vanish in float16: so in that case the float32 sums are
  // divided instead.
  const later = graph.precision === 'float16';
  const divisor = later ? graph.constant(1) : denominator;
  const emit = outputs(graph, trained, parameters, later ? denominator : undefined);
  const advantages = graph.floatInput('advantages', [passes === 'token' ? 'N' : 'B', objectives]);
  const r = ratio(logprobs, oldLogprobs);
  const wanted = trained.map(({ name }) => parameters.get(name) as Value);

  const perObjective: ReadonlyMap<Value, Value>[] = [];
  if (passes === 'token') {
    const stacks = Array.from({ length: objectives }, (_, k) => {
      const slope = tokenSurrogateSlope(r, column(advantages, k), divisor, clipRange);
      return gradients([[logprobs, slope]], wanted);
    });
    perObjective.push(stacked(stacks, wanted));
  } else {
    const signs = passes === 'signed' ? (['positive', 'negative'] as const) : (['unclipped'] as const);
    for (const sign of signs) {
      const part = sign === 'unclipped' ? advantages : signedPart(advantages, sign); // [B, K]
      const rows = completions.bySequence(part);
      const slope = surrogateSlope(r, divisor, clipRange, sign);
      if (objectives > 1) perObjective.push(gradients([[logprobs, slope]], wanted, rows));
      else {
        // A single objective's advantages multiply the slope, so no row needs a weight.
        const own = emitBinary('Mul', slope, column(rows.N, 0));
        perObjective.push(stacked([gradients([[logprobs, own]], wanted)], wanted));
      }
    }
  }
  emit(gradientNames.objectives, perObjective);

  if (regularized) {
    const seeds: Seed[] = [];
    if (kl) {
      const referenceLogprobs = graph.floatInput('referenceLogprobs', ['N']);
      seeds.push([logprobs, klSlope(logprobs, referenceLogprobs, graph.floatInput('klCoefficient', []), divisor)]);
    }
    if (entropy) {
      const coefficient = graph.floatInput('entropyCoefficient', []);
      seeds.push([completions.entropy, uniformSlope(completions.entropy, coefficient, divisor)]);
    }
    if (values !== undefined) {
      const dims = ['N', spec.valueHeads];
      const slope = valueSlope(values, {
        oldValues: graph.floatInput('oldValues', dims),
        returns: graph.floatInput('returns', dims),
        coefficient: graph.floatInput('valueCoefficient', []),
        clip: graph.floatInput('valueClip', []),
        denominator: divisor,
      });
      seeds.push([values, slope]);
    }
    emit(gradientNames.regularizer, [gradients(seeds, wanted)]);
  }
  graph.output('logprobs', logprobs);
  graph.output('entropy', completions.entropy);
  if (values !== undefined) graph.output('values', values);
  return graph;
}

/** Outputs the sum of the parts' gradients of each trained tensor that has any, divided by the divisor if there is one. */
function outputs(
  graph: Graph,
  trained: readonly TensorShape[],
  parameters: ReadonlyMap<string, Value>,
  divisor: Value | undefined,
): (nameOf: (parameter: string) => string, parts: readonly ReadonlyMap<Value, Value>[]) => void {
  return (nameOf, parts) => {
    for (const { name } of trained) {
      const parameter = parameters.get(name) as Value;
      const found = parts.flatMap((part) => part.get(parameter) ?? []);
      const [first, ...others] = found;
      if (first === undefined) continue;
      const sum = others.reduce((total, next) => emitBinary('Add', total, next), first);
      graph.output(nameOf(name), divisor === undefined ? sum : emitBinary('Div', sum, divisor));
    }
  };
}

/** Stacks the K gradients of each parameter: [K, ...shape]. */
function stacked(
  gradientsOf: readonly ReadonlyMap<Value, Value>[],
  parameters: readonly Value[],
): ReadonlyMap<Value, Value> {
  return new Map(
    parameters.flatMap((parameter) => {
      const all = gradientsOf.flatMap((found) => found.get(parameter) ?? []);
      return all.length === 0 ? [] : [[parameter, emitStack(all)] as const];
    }),
  );
}
