/** From a direction to the next parameters: regularizers, clipping, AdamW. */
import { updatesPerStep, type RunConfig } from '@gapo/config';
import { sizeOf, valueHeadNames, type TensorShape } from '@gapo/model';
import { adamWStep, addScaled, clipGlobalNorm, learningRateAt, type Schedule } from '@gapo/numeric';
import type { Trained } from '../../state/trainingState.js';

/** How every update of a run is made. */
export interface UpdateRule {
  readonly schedule: Schedule;
  readonly optimizer: RunConfig['optimizer'];
  /** Number of elements of the value heads, at the end of every flat vector, where they have a schedule of their own. */
  readonly heads: { readonly size: number; readonly schedule: Schedule } | undefined;
}

/**
 * Returns the rule of a run.
 *
 * @param valueParameters number of elements of the value heads
 */
export function updateRule(config: RunConfig, valueParameters = 0): UpdateRule {
  const { optimizer, steps, ppo } = config;
  const { learningRate, warmupSteps, schedule: kind } = optimizer;
  const schedule = (peak: number): Schedule =>
    kind === 'constant'
      ? { kind, peak, warmupSteps }
      : { kind, peak, warmupSteps, totalSteps: steps * updatesPerStep(config) };
  const valueLearningRate = ppo.gae?.valueLearningRate;
  const heads =
    valueLearningRate === undefined ? undefined : { size: valueParameters, schedule: schedule(valueLearningRate) };
  return { schedule: schedule(learningRate), optimizer, heads };
}

/** Returns the number of elements of the value heads, which are at the end of every flat vector. */
export function valueParameters(shapes: readonly TensorShape[]): number {
  const heads: readonly string[] = Object.values(valueHeadNames);
  return shapes.filter(({ name }) => heads.includes(name)).reduce((total, { shape }) => total + sizeOf(shape), 0);
}

/** Adds a gradient that belongs to no objective to a direction, in place: that of the regularizers or of another loss. */
export function addRegularizer(direction: Float32Array, gradient: Float32Array | undefined): void {
  if (gradient !== undefined) addScaled(direction, gradient);
}

/**
 * Clips a direction by its global norm, in place.
 *
 * @returns the norm before
 */
export function clipDirection(rule: UpdateRule, direction: Float32Array): number {
  return clipGlobalNorm([direction], rule.optimizer.maxGradNorm).norm;
}

/**
 * Takes a step along a direction.
 *
 * @returns new parameters and moments, which share no memory with those given, and the learning rate
 */
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
  const part = (from: number, to: number, rate: number): void => {
    const piece = (tensor: Float32Array): Float32Array => tensor.subarray(from, to);
    const { firstMoments, secondMoments } = after.optimizer;
    // The moments are views of the whole; the step counter is a copy, so that both parts start from the same one.
    const state = {
      step: optimizer.step,
      firstMoments: firstMoments.map(piece),
      secondMoments: secondMoments.map(piece),
    };
    adamWStep([piece(after.parameters)], [piece(direction)], state, { ...options, learningRate: rate });
  };
  part(0, start, learningRate);
  part(start, parameters.length, learningRateAt(schedule, optimizer.step));
  after.optimizer.step = optimizer.step + 1;
  return { after, learningRate };
}
