/**
 * AdamW (Kingma and Ba 2015; decoupled weight decay: Loshchilov and Hutter 2019, arXiv 1711.05101).
 *
 * The state is plain data. A step computes in float64 from what the state stores in float32, so parameters and state
 * after a step depend on nothing but parameters, state and gradient before it: a run resumed from a checkpoint
 * continues bit for bit.
 */

import { at, f32 } from '../at.js';
import { checkShapes, entryOf, findNonFinite, type Gradients, type Tensors } from './tensors.js';

/** Everything that AdamW remembers between steps. */
export interface AdamWState {
  /** Steps taken. */
  step: number;
  /** m: running mean of gradients, in the sign in which they were given; one for each tensor. */
  readonly firstMoments: Tensors;
  /** v: running mean of squared gradients; one for each tensor. */
  readonly secondMoments: Tensors;
}

/** How a step is taken. */
export interface AdamWOptions {
  /** Step size of this step, ≥ 0. */
  readonly learningRate: number;
  /** `ascend` when the gradients are of what should grow (an objective), `descend` when of what should shrink (a loss). */
  readonly direction: 'ascend' | 'descend';
  /** Decay rates of the two running means, each in [0, 1). @default [0.9, 0.95] */
  readonly betas?: readonly [number, number];
  /** Added to the root of the second moment, > 0. @default 1e-8 */
  readonly epsilon?: number;
  /** Decoupled decay: parameters shrink by learningRate·weightDecay, whatever the direction; ≥ 0. @default 0 */
  readonly weightDecay?: number;
}

/** Defaults of {@link AdamWOptions}. */
export const adamwDefaults = { betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0 } as const;

/** Largest finite float32. */
const float32Max = 3.4028234663852886e38;

/** A fresh state: step 0, moments of zeros. */
export function createAdamWState(parameters: Tensors): AdamWState {
  return {
    step: 0,
    firstMoments: parameters.map((tensor) => new Float32Array(tensor.length)),
    secondMoments: parameters.map((tensor) => new Float32Array(tensor.length)),
  };
}

/**
 * One step, in place:
 *
 *     m ← β₁ m + (1 - β₁) g          v ← β₂ v + (1 - β₂) g²
 *     θ ← θ (1 - lr·decay) ± lr · (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε)      + to ascend, - to descend
 *
 * @param parameters θ, modified
 * @param gradients g, same shapes, left as they are
 * @param state modified; of the same parameters
 * @throws NonFiniteGradientError, or RangeError for shapes or options that do not fit, before anything is modified
 */
export function adamWStep(parameters: Tensors, gradients: Gradients, state: AdamWState, options: AdamWOptions): void {
  const settings = { ...adamwDefaults, ...options };
  checkOptions(settings);
  checkShapes('gradients', gradients, parameters);
  checkShapes('first moments', state.firstMoments, parameters);
  checkShapes('second moments', state.secondMoments, parameters);
  checkEntries(gradients);

  state.step += 1;
  const [beta1, beta2] = settings.betas;
  const correction1 = 1 - Math.pow(beta1, state.step);
  const correction2 = 1 - Math.pow(beta2, state.step);
  const size = (settings.direction === 'ascend' ? 1 : -1) * settings.learningRate;
  const kept = 1 - settings.learningRate * settings.weightDecay;
  for (const [t, theta] of parameters.entries()) {
    const gradient = at(gradients, t);
    const m = at(state.firstMoments, t);
    const v = at(state.secondMoments, t);
    for (let i = 0; i < theta.length; i++) {
      const g = entryOf(gradient, i);
      m[i] = beta1 * f32(m, i) + (1 - beta1) * g;
      v[i] = beta2 * f32(v, i) + (1 - beta2) * g * g;
      const adapted = f32(m, i) / correction1 / (Math.sqrt(f32(v, i) / correction2) + settings.epsilon);
      theta[i] = f32(theta, i) * kept + size * adapted;
    }
  }
}

function checkOptions(options: Required<AdamWOptions>): void {
  const { learningRate, direction, betas, epsilon, weightDecay } = options;
  const expect = (holds: boolean, name: string, value: unknown, expected: string): void => {
    if (!holds) throw new RangeError(`AdamW: ${name} is ${String(value)}, expected ${expected}`);
  };
  expect(Number.isFinite(learningRate) && learningRate >= 0, 'learningRate', learningRate, 'a finite number ≥ 0');
  expect(direction === 'ascend' || direction === 'descend', 'direction', direction, 'ascend or descend');
  for (const beta of betas) expect(beta >= 0 && beta < 1, 'a beta', beta, 'a number in [0, 1)');
  expect(Number.isFinite(epsilon) && epsilon > 0, 'epsilon', epsilon, 'a finite number above 0');
  expect(Number.isFinite(weightDecay) && weightDecay >= 0, 'weightDecay', weightDecay, 'a finite number ≥ 0');
  expect(learningRate * weightDecay < 1, 'learningRate·weightDecay', learningRate * weightDecay, 'less than 1');
}

/**
 * Entries must be finite, and so must their squares in float32, or the second moment would be infinite and freeze the parameter.
 *
 * @throws NonFiniteGradientError for an entry that is not finite, RangeError for one whose square is not
 */
function checkEntries(gradients: Gradients): void {
  for (const [t, gradient] of gradients.entries()) {
    for (let i = 0; i < gradient.length; i++) {
      const entry = entryOf(gradient, i);
      if (entry * entry <= float32Max) continue;
      throw (
        findNonFinite(gradients) ??
        new RangeError(
          `gradient of tensor ${t}, entry ${i}, is ${entry}: its square exceeds float32; clip by the global norm first`,
        )
      );
    }
  }
}
