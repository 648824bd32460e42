/**
 * How an update determines its direction: the weights of the objectives, and the gradient of their weighted sum.
 *
 * A source that gets its weights without the exact gradients needs one gradient instead of K: the gradient of a
 * pseudo-objective with advantages Σ w_k A_k. The surrogate is linear in the advantages, so without clipping this equals
 * Σ w_k g_k. For a clipped token, the sign of the weighted advantage decides whether it counts.
 */
import { pairCosines, type Combination, type Gram, type Memory } from '@gapo/objectives';
import type { GradientStatistics } from '@gapo/rpc';
import type { ChosenWeights } from '../../state/trainingState.js';
import type { GramSource } from './gramSources.js';
import type { ObjectiveGradients } from './unitAdvantages.js';

/** The direction of an update, before the regularizers. */
export interface Decision {
  /** [parameters]; the caller may modify it. */
  readonly direction: Float32Array;
  /** [parameters]; gradient of the KL, entropy and value losses, undefined if all their coefficients are 0. */
  readonly regularizer: Float32Array | undefined;
  readonly statistics: GradientStatistics;
  /** The weights, with the measurements taken when they were chosen. */
  readonly chosen: ChosenWeights;
  /** The method's memory after this choice, if it keeps any. */
  readonly remembered?: Memory | undefined;
  /** Angle in degrees to the exact combination's direction, if measured. */
  readonly degrees?: number;
}

/** The gradients of one update, as gradient workers compute them. */
export interface UpdateGradients {
  /** Returns one exact gradient per objective. */
  perObjective(): Promise<ObjectiveGradients>;
  /** Returns one exact gradient per objective, and last the gradient of the single advantage for all: K + 1. */
  withScalar(): Promise<ObjectiveGradients>;
  /** Returns the exact gradient of the weighted sum of the objectives. */
  weighted(weights: ArrayLike<number>): Promise<WeightedGradient>;
  /** Returns a cheap approximation of the Gram matrix of the exact gradients. */
  approximateGram(source: GramSource): Promise<Gram>;
  /** Runs work as part of the step's combination phase. */
  combining<T>(work: () => T): Promise<T>;
}

/** The gradient of a weighted sum of the objectives. */
export type WeightedGradient = Pick<Decision, 'direction' | 'regularizer' | 'statistics'>;

/** Decides the direction of each update of a step. */
export interface WeightSource {
  decide(gradients: UpdateGradients): Promise<Decision>;
}

/** How weights are chosen: the same for all updates of a step. */
export interface Choice {
  readonly step: number;
  /** Names of the objectives. */
  readonly names: readonly string[];
  /** Combines the objectives' gradients. */
  readonly combine: (gram: Gram) => Combination;
  /** Number of earlier steps that chose weights. */
  readonly earlier: number;
}

/**
 * Converts a combination to the form stored in the training state.
 *
 * @param gram of the gradients, or an approximation
 */
export function chosenWeights(
  { step, earlier }: Choice,
  combination: Pick<Combination, 'weights' | 'alpha' | 'norms' | 'progress' | 'stationarity' | 'certificate'>,
  gram: Gram,
): ChosenWeights {
  const { weights, alpha, norms, progress, stationarity, certificate } = combination;
  return {
    step,
    earlier,
    weights: [...weights],
    alpha: [...alpha],
    norms: [...norms],
    progress: [...progress],
    stationarity,
    cosines: pairCosines(gram),
    ...(certificate && { residual: certificate.relativeResidual }),
  };
}
