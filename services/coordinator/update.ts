/** One update: gradients to weights to direction to the next parameters. Pure but for the arrays that it is given to write. */
import { combine, gramMatrix, weightedSum, type Combination, type CombineOptions } from '@gapo/objectives';
import {
  adamWStep,
  clipGlobalNorm,
  createAdamWState,
  learningRateAt,
  type AdamWState,
  type Schedule,
} from '@gapo/optimizer';
import type { BatchGradients } from './gradients.js';
import { objectiveNames, updatesPerStep, type RunConfig } from './runConfig.js';

/** The way that the updates of a run lead to, and how each one is taken. */
export interface UpdateRule {
  readonly names: readonly string[];
  readonly schedule: Schedule;
  readonly optimizer: RunConfig['optimizer'];
}

/** The rule of a run. */
export function updateRule(config: RunConfig): UpdateRule {
  const { optimizer, steps } = config;
  const { learningRate: peak, warmupSteps, schedule: kind } = optimizer;
  const schedule: Schedule =
    kind === 'constant'
      ? { kind, peak, warmupSteps }
      : { kind, peak, warmupSteps, totalSteps: steps * updatesPerStep(config) };
  return { names: objectiveNames(config), schedule, optimizer };
}

/** Everything that an update reads and that a checkpoint must hold for it. */
export interface Trained {
  readonly parameters: Float32Array;
  /** Moments of the one flat tensor; `step` counts updates. */
  readonly optimizer: AdamWState;
}

/** A start: the parameters of version 0, and no moments. */
export function untrained(parameters: Float32Array): Trained {
  return { parameters, optimizer: createAdamWState([parameters]) };
}

/** The weights that were chosen, and what they lead to. */
export interface Direction {
  readonly combination: Combination;
  /** Σ w_i g_i plus the regularisers' gradient, clipped. */
  readonly direction: Float32Array;
  /** Its norm before clipping. */
  readonly norm: number;
}

/**
 * The direction of ascent.
 *
 * @param options how the objectives' gradients are combined in this step
 * @throws NonFiniteError naming the objective whose gradient is not finite
 */
export function chooseDirection(rule: UpdateRule, options: CombineOptions, gradients: BatchGradients): Direction {
  const gram = gramMatrix(gradients.objectives, rule.names);
  const combination = combine(gram, options);
  const length = gradients.objectives[0]!.length;
  const direction = weightedSum(gradients.objectives, combination.weights, new Float32Array(length));
  if (gradients.regularizer) {
    for (let i = 0; i < length; i++) direction[i]! += gradients.regularizer[i]!;
  }
  const { norm } = clipGlobalNorm([direction], rule.optimizer.maxGradNorm);
  return { combination, direction, norm };
}

/** The parameters and moments after a step along the direction, in memory of their own, and the learning rate used. */
export function follow(
  rule: UpdateRule,
  { parameters, optimizer }: Trained,
  direction: Float32Array,
): { after: Trained; learningRate: number } {
  const learningRate = learningRateAt(rule.schedule, optimizer.step);
  const { betas, epsilon, weightDecay } = rule.optimizer;
  const copy = (tensors: readonly Float32Array[]): Float32Array[] => tensors.map((tensor) => Float32Array.from(tensor));
  const after: Trained = {
    parameters: Float32Array.from(parameters),
    optimizer: {
      step: optimizer.step,
      firstMoments: copy(optimizer.firstMoments),
      secondMoments: copy(optimizer.secondMoments),
    },
  };
  const options = { learningRate, direction: 'ascend', betas, epsilon, weightDecay } as const;
  adamWStep([after.parameters], [direction], after.optimizer, options);
  return { after, learningRate };
}
