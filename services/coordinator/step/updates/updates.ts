/**
 * The updates of a step: for each one gradients, the combination's weights, a direction, the next version.
 *
 * Where the weights of an update are not chosen from its own exact gradients (an approximate source, or weights that are
 * kept from an earlier step), one gradient is asked for instead of K: that of the pseudo-objective whose advantages are
 * Σ w_k A_k. The surrogate is linear in the advantages, so that this is Σ w_k g_k exactly where no token is clipped; where
 * one is, the sign of its weighted advantage decides whether it counts.
 */
import { objectiveNames } from '@gapo/config';
import { type AdamWState, deriveSeed } from '@gapo/numeric';
import {
  combine,
  gradientNorms,
  gramMatrix,
  progressOf,
  weightedSum,
  type Combination,
  type CombineOptions,
  type Gram,
} from '@gapo/objectives';
import type { GradientStatistics, LossSpecInput } from '@gapo/rpc';
import { spanNames } from '@gapo/tracing';
import type { Batch } from '../../data/batch.js';
import { throwIfAborted } from '../../state/interruption.js';
import type { ChosenWeights, CombinationState, Trained } from '../../state/trainingState.js';
import { approximateGram, batchGradients, type BatchGradients, type GradientInput } from '../../workers/gradients.js';
import { callOf, type Pieces, type StepContext, type Stopwatch } from '../context/stepContext.js';
import { policyRef } from '../context/trainingContext.js';
import type { LearningSignal } from '../ppo/learningSignal.js';
import { addRegularizer, clipDirection, follow } from './optimizerStep.js';

/** What the gradients of one update are computed from; K objectives. */
export interface LossInputs {
  readonly batch: Batch;
  readonly signal: LearningSignal;
  /** [tokens]; undefined where no KL loss is wanted. */
  readonly referenceLogprobs: Float32Array | undefined;
  /** [tokens, heads]; undefined without critics. */
  readonly oldValues: Float32Array | undefined;
  /** Divides every sum over tokens. */
  readonly denominator: number;
}

/** One update of a step. */
export interface PlannedUpdate {
  /** Its place among the step's updates, from 0. */
  readonly number: number;
  /** Whether the report is made of it. */
  readonly reported: boolean;
  /** What it is computed from. */
  material(): LossInputs;
  /** Another gradient, added after the combination. */
  extra?(version: number): Promise<Float32Array>;
}

/** Everything about a step's updates that is the same for all of them. */
export interface UpdatePlan {
  readonly step: number;
  readonly updates: readonly PlannedUpdate[];
  readonly loss: Omit<LossSpecInput, 'objectives' | 'denominator'>;
  readonly options: CombineOptions;
  readonly combination: CombinationState;
}

/** Where a step's updates lead to. */
export interface Updated {
  readonly trained: Trained;
  readonly combination: CombinationState;
  /** Of the last update. */
  readonly chosen: ChosenWeights;
  readonly weightsAge: number;
  readonly approximationDegrees: number | undefined;
  /** Norm of the last update before clipping. */
  readonly norm: number;
  readonly learningRate: number;
  /** Sums over the updates that are reported. */
  readonly statistics: Pick<GradientStatistics, 'entropySum' | 'clipped' | 'tokens'>;
  /** The largest gap of the first update, whose version is the one that sampled. */
  readonly maxLogprobGap: number;
}

/** An update's direction before the regularisers. */
interface Decision {
  readonly direction: Float32Array;
  readonly gradients: BatchGradients;
  readonly chosen: ChosenWeights;
  readonly degrees?: number;
}

/** What the pseudo-objective is called. */
const combinedName = 'combined';

/**
 * Makes a step's updates, one after the other.
 *
 * @throws RpcError, PauseNeeded as WorkerPool.run; NonFiniteError naming the objective; the signal's reason
 */
export async function makeUpdates(
  plan: UpdatePlan,
  before: Trained,
  context: StepContext,
  watch: Stopwatch,
  pieces: Pieces,
): Promise<Updated> {
  const { training, signal, observer, versions } = context;
  const { step, updates } = plan;
  const { chosen: kept } = plan.combination;
  const changed = context.goalChanges.some((change) => change.step > (kept?.step ?? 0) && change.step <= step);
  const due = kept === undefined || changed || step - kept.step >= training.config.combine.refreshEvery;
  let trained = before;
  let chosen = kept;
  let degrees: number | undefined;
  let [norm, learningRate, maxLogprobGap] = [0, 0, 0];
  const statistics = { entropySum: 0, clipped: [] as number[], tokens: 0 };
  for (const update of updates) {
    const version = (trained.optimizer satisfies AdamWState).step;
    const material = update.material();
    const differ = new Differentiation(plan, material, version, update.number, context, pieces);
    const decision = await (due ? choose(plan, differ, kept, watch) : keep(chosen!, differ, watch));
    const extra =
      update.extra &&
      (await watch.time('gradients', spanNames.stepGradients, () => update.extra!(version), update.number));
    throwIfAborted(signal);
    observer.progress('combination', 0, 1);
    await watch.time(
      'combination',
      spanNames.stepOptimizer,
      () => {
        const { direction, gradients } = decision;
        addRegularizer(direction, gradients.regularizer);
        addRegularizer(direction, extra);
        norm = clipDirection(training.rule, direction);
        ({ after: trained, learningRate } = follow(training.rule, trained, direction));
        versions.put(trained.optimizer.step, trained.parameters);
      },
      update.number,
    );
    observer.progress('combination', 1, 1);
    chosen = decision.chosen;
    degrees = decision.degrees ?? degrees;
    const counted = decision.gradients.statistics;
    if (update === updates[0]) maxLogprobGap = counted.maxLogprobGap;
    if (!update.reported) continue;
    statistics.entropySum += counted.entropySum;
    statistics.tokens += counted.tokens;
    statistics.clipped = counted.clipped.map((count, k) => count + (statistics.clipped[k] ?? 0));
  }
  if (chosen === undefined) throw new RangeError(`step ${step} has no updates`);
  return {
    trained,
    combination: { ...plan.combination, chosen },
    chosen,
    weightsAge: step - chosen.step,
    approximationDegrees: degrees,
    norm,
    learningRate,
    statistics,
    maxLogprobGap,
  };
}

/** Chooses the weights anew: from the exact gradients, or from an approximate source, which may be due for a check. */
async function choose(
  { step, options }: UpdatePlan,
  differ: Differentiation,
  kept: ChosenWeights | undefined,
  watch: Stopwatch,
): Promise<Decision> {
  const { source, checkEvery } = differ.context.training.config.combine;
  const earlier = kept === undefined ? 0 : kept.earlier + 1;
  const combined = <T>(work: () => T): Promise<T> =>
    watch.time('combination', spanNames.stepCombination, work, differ.update);
  const derived = <T>(work: () => Promise<T>): Promise<T> =>
    watch.time('gradients', spanNames.stepGradients, work, differ.update);
  const names = objectiveNames(differ.context.training.config);
  if (source === 'exact') {
    const gradients = await derived(() => differ.perObjective());
    return combined(() => {
      const combination = combine(gramMatrix(gradients.objectives, names), options);
      return {
        direction: sumOf(gradients, combination.weights),
        gradients,
        chosen: chosenOf(step, earlier, combination),
      };
    });
  }
  const approximate = await derived(() => differ.approximate(source));
  const first = await combined(() => combine(approximate, options));
  if (earlier % checkEvery !== 0) {
    const gradients = await derived(() => differ.weighted(first.weights));
    return combined(() => {
      const direction = gradients.objectives[0]!;
      const found = direction.reduce((sum, slope) => sum + slope * slope, 0);
      const { combination, factor } = toScale(approximate, options, first, found);
      for (let i = 0; i < direction.length; i++) direction[i]! *= factor;
      return { direction, gradients, chosen: chosenOf(step, earlier, combination) };
    });
  }
  const gradients = await derived(() => differ.perObjective());
  return combined(() => {
    const gram = gramMatrix(gradients.objectives, names);
    const { combination } = toScale(approximate, options, first, inner(gram, first.weights, first.weights));
    const { weights } = combination;
    const exact = combine(gram, options);
    return {
      direction: sumOf(gradients, weights),
      gradients,
      chosen: chosenOf(step, earlier, {
        ...combination,
        norms: gradientNorms(gram),
        progress: progressOf(gram, weights),
        stationarity: exact.stationarity,
      }),
      degrees: angleBetween(gram, weights, exact.weights),
    };
  });
}

/**
 * Brings a combination by an approximate source to the scale of the exact gradients. A source may be shorter or longer than
 * they are, and a method that divides by norms would then make an update that is longer or shorter than its exact one, to
 * which the regularisers no longer fit. The squared length of Σ w_k g_k is known in both: their ratio rescales the source's
 * Gram matrix, and the method is asked again. Scaling all gradients alike changes the length of a method's direction alone.
 *
 * @param first the combination of the source as it came
 * @param found the exact squared length of first's Σ w_k g_k
 * @returns the combination in the exact scale, and what its weights are in units of first's
 */
export function toScale(
  source: Gram,
  options: CombineOptions,
  first: Combination,
  found: number,
): { readonly combination: Combination; readonly factor: number } {
  const ratio = inner(source, first.weights, first.weights) / found;
  if (!(ratio > 0 && Number.isFinite(ratio))) return { combination: first, factor: 1 };
  const combination = combine({ names: source.names, values: source.values.map((value) => value / ratio) }, options);
  const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, k) => sum + value * b[k]!, 0);
  const factor = dot(combination.weights, first.weights) / dot(first.weights, first.weights);
  return { combination: { ...combination, weights: first.weights.map((weight) => factor * weight) }, factor };
}

/** Follows weights of an earlier step. */
async function keep(chosen: ChosenWeights, differ: Differentiation, watch: Stopwatch): Promise<Decision> {
  const gradients = await watch.time(
    'gradients',
    spanNames.stepGradients,
    () => differ.weighted(chosen.weights),
    differ.update,
  );
  return { direction: gradients.objectives[0]!, gradients, chosen };
}

/** The gradients of one update under one version. */
class Differentiation {
  readonly context: StepContext;
  /** The update's number. */
  readonly update: number;
  readonly #plan: UpdatePlan;
  readonly #material: LossInputs;
  readonly #version: number;
  readonly #pieces: Pieces;

  constructor(
    plan: UpdatePlan,
    material: LossInputs,
    version: number,
    update: number,
    context: StepContext,
    pieces: Pieces,
  ) {
    this.#plan = plan;
    this.#material = material;
    this.#version = version;
    this.update = update;
    this.context = context;
    this.#pieces = pieces;
  }

  /** One for each objective. */
  perObjective(): Promise<BatchGradients> {
    return this.#exact(objectiveNames(this.context.training.config), this.#material.signal.advantages);
  }

  /** That of Σ w_k A_k. */
  weighted(weights: ArrayLike<number>): Promise<BatchGradients> {
    return this.#exact([combinedName], weightedAdvantages(this.#material.signal.advantages, weights));
  }

  /** The Gram matrix by an approximate source. */
  async approximate(source: Parameters<typeof approximateGram>[2]): Promise<Gram> {
    const { training } = this.context;
    const { shards } = this.#material.batch;
    this.#pieces.expect(shards.length);
    const input = this.#input(objectiveNames(training.config), this.#material.signal.advantages);
    const seed = deriveSeed(training.config.seed, 'projection');
    const call = callOf(this.context, this.#plan.step);
    return approximateGram(call, input, source, seed, () => this.#pieces.tick());
  }

  #exact(objectives: string[], advantages: Float32Array): Promise<BatchGradients> {
    const { observer } = this.context;
    const { step } = this.#plan;
    this.#pieces.expect(this.#material.batch.shards.length);
    return batchGradients(callOf(this.context, step), this.#input(objectives, advantages), (shard, done) => {
      const { number, start, end, firstToken, lastToken } = shard;
      const counts = { sequences: end - start, tokens: lastToken - firstToken };
      const { seconds, worker } = done;
      observer.gradient(this.update, { step, shard: number, version: this.#version, ...counts, seconds, worker });
      this.#pieces.tick();
    });
  }

  #input(objectives: string[], advantages: Float32Array): GradientInput {
    const { batch, signal, referenceLogprobs, oldValues, denominator } = this.#material;
    const { training, key } = this.context;
    return {
      policy: policyRef(training, key, this.#version),
      batch,
      loss: { ...this.#plan.loss, denominator, objectives },
      advantages,
      perToken: signal.perToken,
      referenceLogprobs,
      oldValues,
      returns: signal.returns,
      parameters: training.initial.length,
    };
  }
}

function sumOf({ objectives }: BatchGradients, weights: Float64Array): Float32Array {
  return weightedSum(objectives, weights, new Float32Array(objectives[0]!.length));
}

/** Σ w_k A_k, summed in float64 in the order of the objectives: one row of `advantages`' K. */
export function weightedAdvantages(advantages: Float32Array, weights: ArrayLike<number>): Float32Array {
  const width = advantages.length / weights.length;
  return Float32Array.from({ length: width }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < weights.length; k++) sum += weights[k]! * advantages[k * width + i]!;
    return sum;
  });
}

/** The inner product of Σ a_k g_k and Σ b_k g_k. */
function inner(gram: Gram, a: Float64Array, b: Float64Array): number {
  return progressOf(gram, b).reduce((sum, value, k) => sum + a[k]! * value, 0);
}

/** The angle in degrees between Σ a_k g_k and Σ b_k g_k; 0 where both are zero, 90 where one is. */
export function angleBetween(gram: Gram, a: Float64Array, b: Float64Array): number {
  const dot = (x: Float64Array, y: Float64Array): number => inner(gram, x, y);
  const [aa, bb] = [Math.max(0, dot(a, a)), Math.max(0, dot(b, b))];
  if (aa === 0 || bb === 0) return aa === bb ? 0 : 90;
  // From the chord between the unit vectors, which keeps its digits where the angle is small.
  const chord = a.map((x, k) => x / Math.sqrt(aa) - b[k]! / Math.sqrt(bb));
  const half = Math.sqrt(Math.max(0, dot(chord, chord))) / 2;
  return (2 * Math.asin(Math.min(1, half)) * 180) / Math.PI;
}

type Described = Pick<Combination, 'weights' | 'alpha' | 'norms' | 'progress' | 'stationarity'>;

function chosenOf(step: number, earlier: number, combination: Described): ChosenWeights {
  const { weights, alpha, norms, progress, stationarity } = combination;
  return {
    step,
    earlier,
    weights: [...weights],
    alpha: [...alpha],
    norms: [...norms],
    progress: [...progress],
    stationarity,
  };
}
