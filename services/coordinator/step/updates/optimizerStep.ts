/** From the direction of an update to the next parameters: regularizers, clipping, AdamW. */
import { updatesPerStep, type RunConfig } from '@gapo/config';
import { sizeOf, valueHeadNames, type TensorShape } from '@gapo/model';
import { adamWStep, addScaled, clipGlobalNorm, learningRateAt, type Schedule } from '@gapo/numeric';
import type { Trained } from '../../state/trainingState.js';

/** How every update of a run is made. */
export interface UpdateRule {
  readonly optimizer: RunConfig['optimizer'];
  readonly schedule: Schedule;
  /** Number of elements in the value heads, which are at the end of every flat vector. */
  readonly headSize: number;
  /** The learning rate of the value heads. */
  readonly headSchedule: Schedule;
}

/**
 * Returns the rule of a run.
 *
 * @param headSize number of elements of the value heads
 */
export function updateRule(config: RunConfig, headSize = 0): UpdateRule {
  const { optimizer, steps, ppo } = config;
  const { learningRate, warmupSteps, schedule: kind } = optimizer;
  const schedule = (peak: number): Schedule =>
    kind === 'constant'
      ? { kind, peak, warmupSteps }
      : { kind, peak, warmupSteps, totalSteps: steps * updatesPerStep(config) };
  const headSchedule = schedule(ppo.gae?.valueLearningRate ?? learningRate);
  return { optimizer, schedule: schedule(learningRate), headSize, headSchedule };
}

/** Returns the number of elements of the value heads. */
export function valueParameters(shapes: readonly TensorShape[]): number {
  const heads: readonly string[] = Object.values(valueHeadNames);
  return shapes.filter(({ name }) => heads.includes(name)).reduce((total, { shape }) => total + sizeOf(shape), 0);
}

/** Adds the gradient of the regularizers, or of another loss without an objective, to a direction in place. */
export function addRegularizer(direction: Float32Array, gradient: Float32Array | undefined): void {
  if (gradient !== undefined) addScaled(direction, gradient);
}

/**
 * Clips a direction by its global norm, in place.
 *
 * @returns the norm before clipping
 */
export function clipDirection(rule: UpdateRule, direction: Float32Array): number {
  return clipGlobalNorm([direction], rule.optimizer.maxGradNorm).norm;
}

/**
 * Ascends along a direction with AdamW.
 *
 * @returns new parameters and moments, which share no memory with the given ones, and the learning rate
 */
export function optimizerStep(
  rule: UpdateRule,
  { parameters, optimizer }: Trained,
  direction: Float32Array,
): { after: Trained; learningRate: number } {
  const { step } = optimizer;
  const copy = (tensors: readonly Float32Array[]): Float32Array[] => tensors.map((tensor) => Float32Array.from(tensor));
  const moments = { firstMoments: copy(optimizer.firstMoments), secondMoments: copy(optimizer.secondMoments) };
  const after: Trained = { parameters: Float32Array.from(parameters), optimizer: { step: step + 1, ...moments } };
  const { betas, epsilon, weightDecay } = rule.optimizer;
  const ascend = (from: number, to: number, learningRate: number): void => {
    const part = (tensor: Float32Array): Float32Array => tensor.subarray(from, to);
    const state = {
      step,
      firstMoments: moments.firstMoments.map(part),
      secondMoments: moments.secondMoments.map(part),
    };
    const options = { direction: 'ascend', betas, epsilon, weightDecay, learningRate } as const;
    adamWStep([part(after.parameters)], [part(direction)], state, options);
  };
  const learningRate = learningRateAt(rule.schedule, step);
  const heads = parameters.length - rule.headSize;
  ascend(0, heads, learningRate);
  ascend(heads, parameters.length, learningRateAt(rule.headSchedule, step));
  return { after, learningRate };
}
