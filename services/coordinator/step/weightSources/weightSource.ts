/**
 * How an update gets its direction: the weights of the objectives, and the gradient of their weighted sum.
 *
 * A source that does not choose its weights from the exact gradients of the update asks for one exact gradient instead of
 * K: that of the pseudo-objective whose advantages are Σ w_k A_k. The surrogate is linear in the advantages, so this is
 * Σ w_k g_k exactly where no token is clipped. Where a token is clipped, the sign of its weighted advantage decides
 * whether it counts.
 */
import { weightedSum, type Combination, type CombineOptions, type Gram } from '@gapo/objectives';
import type { GradientStatistics } from '@gapo/rpc';
import type { ChosenWeights } from '../../state/trainingState.js';
import type { BatchGradients } from '../../workers/gradients.js';
import type { GramSource } from './gramSources.js';

/** The direction of an update, before the regularizers. */
export interface Decision {
  /** [parameters]; the receiver may modify it. */
  readonly direction: Float32Array;
  /** [parameters]; gradient of KL, entropy and value losses, undefined where none has a coefficient. */
  readonly regularizer: Float32Array | undefined;
  readonly statistics: GradientStatistics;
  /** The weights of the direction, with what was known when they were chosen. */
  readonly chosen: ChosenWeights;
  /** Angle in degrees to the exact combination's direction, where it was measured. */
  readonly degrees?: number;
}

/** The gradients of one update, as gradient workers compute them. */
export interface UpdateGradients {
  /** Returns one exact gradient per objective. */
  perObjective(): Promise<BatchGradients>;
  /** Returns the exact gradient of the weighted sum of the objectives. */
  weighted(weights: ArrayLike<number>): Promise<WeightedGradient>;
  /** Returns a Gram matrix that is cheaper than the exact gradients and only approximates theirs. */
  approximateGram(source: GramSource): Promise<Gram>;
  /** Runs arithmetic as part of the step's combination phase. */
  combining<T>(work: () => T): Promise<T>;
}

/** The gradient of a weighted sum of the objectives. */
export type WeightedGradient = Pick<Decision, 'direction' | 'regularizer' | 'statistics'>;

/** Decides the direction of each update of a step. */
export interface WeightSource {
  decide(gradients: UpdateGradients): Promise<Decision>;
}

/** What choosing weights depends on besides the gradients: the same for all updates of a step. */
export interface Choice {
  readonly step: number;
  /** Names of the objectives. */
  readonly names: readonly string[];
  readonly options: CombineOptions;
  /** Steps before this one that chose weights. */
  readonly earlier: number;
}

/** Records the weights of a combination. */
export function chosenWeights(
  { step, earlier }: Choice,
  {
    weights,
    alpha,
    norms,
    progress,
    stationarity,
  }: Pick<Combination, 'weights' | 'alpha' | 'norms' | 'progress' | 'stationarity'>,
): ChosenWeights {
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

/** Returns Σ w_k g_k, [parameters]. */
export function directionOf({ objectives }: BatchGradients, weights: Float64Array): Float32Array {
  return weightedSum(objectives, weights, new Float32Array(objectives[0]?.length ?? 0));
}
