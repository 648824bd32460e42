/** One update: from a direction to the next parameters. Pure but for the arrays that it is given to write. */
import { updatesPerStep, type RunConfig } from '@gapo/config';
import { adamWStep, clipGlobalNorm, learningRateAt, type Schedule } from '@gapo/numeric';
import type { Trained } from '../../state/trainingState.js';

/** How each update of a run is taken. */
export interface UpdateRule {
  readonly schedule: Schedule;
  readonly optimizer: RunConfig['optimizer'];
  /** Where the value heads have a step size of their own: how many elements they are, at the end of every flat vector. */
  readonly heads: { readonly size: number; readonly schedule: Schedule } | undefined;
}

/**
 * The rule of a run.
 *
 * @param valueParameters elements of the value heads
 */
export function updateRule(config: RunConfig, valueParameters = 0): UpdateRule {
  const { optimizer, steps, ppo } = config;
  const { learningRate, warmupSteps, schedule: kind } = optimizer;
  const schedule = (peak: number): Schedule =>
    kind === 'constant'
      ? { kind, peak, warmupSteps }
      : { kind, peak, warmupSteps, totalSteps: steps * updatesPerStep(config) };
  const own = ppo.gae?.valueLearningRate;
  const heads = own === undefined ? undefined : { size: valueParameters, schedule: schedule(own) };
  return { schedule: schedule(learningRate), optimizer, heads };
}

/** Adds a gradient that belongs to no objective to a direction, in place: the regularisers', or another loss's. */
export function addRegularizer(direction: Float32Array, gradient: Float32Array | undefined): void {
  if (gradient === undefined) return;
  for (let i = 0; i < direction.length; i++) direction[i]! += gradient[i]!;
}

/**
 * Clips a direction by its global norm, in place.
 *
 * @returns the norm before
 */
export function clipDirection(rule: UpdateRule, direction: Float32Array): number {
  return clipGlobalNorm([direction], rule.optimizer.maxGradNorm).norm;
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
  const options = { direction: 'ascend', betas, epsilon, weightDecay } as const;
  if (rule.heads === undefined) {
    adamWStep([after.parameters], [direction], after.optimizer, { ...options, learningRate });
    return { after, learningRate };
  }
  const { size, schedule } = rule.heads;
  const start = parameters.length - size;
  const valueLearningRate = learningRateAt(schedule, optimizer.step);
  const part = (from: number, to: number, rate: number): void => {
    const piece = (tensor: Float32Array): Float32Array => tensor.subarray(from, to);
    const { firstMoments, secondMoments } = after.optimizer;
    // Moments are views of the whole's; the step counter is the piece's own.
    const state = {
      step: optimizer.step,
      firstMoments: firstMoments.map(piece),
      secondMoments: secondMoments.map(piece),
    };
    adamWStep([piece(after.parameters)], [piece(direction)], state, { ...options, learningRate: rate });
  };
  part(0, start, learningRate);
  part(start, parameters.length, valueLearningRate);
  after.optimizer.step = optimizer.step + 1;
  return { after, learningRate };
}
