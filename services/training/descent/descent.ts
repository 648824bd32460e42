/** Mini-batch training: each update clips the gradient of its examples' mean loss and takes an AdamW step. */
import {
  type AdamWState,
  NonFiniteGradientError,
  type Schedule,
  type Tensors,
  adamWStep,
  at,
  clipGlobalNorm,
  f32,
  learningRateAt,
} from '@gapo/numeric';
import { UserError } from '@gapo/service';

/** The mean loss of some examples. */
export interface MeanLoss {
  readonly loss: number;
  /** The number of tokens or pairs that the mean is over. It weights the micro-batches of an update. */
  readonly weight: number;
  /** The gradient of the loss by each parameter. */
  readonly gradients: readonly Float32Array[];
}

/** Options of {@link Descent}. */
export interface DescentOptions<Example> {
  readonly examples: readonly Example[];
  /** Indices of the examples of each update. */
  readonly updates: readonly (readonly number[])[];
  /** Computes the mean loss of some examples at the current parameters. */
  readonly compute: (examples: readonly Example[]) => Promise<MeanLoss>;
  /** Examples per call of `compute`; an update accumulates their gradients. @default all */
  readonly microBatch?: number;
  readonly schedule: Schedule;
  readonly weightDecay: number;
  /** Gradients are clipped to this global norm. */
  readonly maxGradNorm: number;
}

/** The record of one update. */
export interface Update {
  /** From 1. */
  readonly update: number;
  readonly loss: number;
  readonly learningRate: number;
  /** See {@link MeanLoss}. */
  readonly weight: number;
  readonly seconds: number;
}

/** Trains parameters in place, one update at a time. */
export class Descent<Example> {
  readonly #parameters: Tensors;
  readonly #optimizer: AdamWState;
  readonly #options: DescentOptions<Example>;

  /**
   * @param parameters changed in place
   * @param optimizer changed in place; its step counts the updates so far
   */
  constructor(parameters: Tensors, optimizer: AdamWState, options: DescentOptions<Example>) {
    this.#parameters = parameters;
    this.#optimizer = optimizer;
    this.#options = options;
  }

  /** Updates made so far, including those of an earlier process. */
  get done(): number {
    return this.#optimizer.step;
  }

  /** The total number of updates. */
  get updates(): number {
    return this.#options.updates.length;
  }

  /** Whether every update has been made. */
  get finished(): boolean {
    return this.done >= this.updates;
  }

  /**
   * Makes the next update.
   *
   * @throws UserError if the loss or its gradient is not finite; RangeError after the last update
   */
  async update(): Promise<Update> {
    const began = performance.now();
    const { examples, updates, schedule, weightDecay, maxGradNorm } = this.#options;
    const update = this.done + 1;
    const batch = updates[this.done];
    if (batch === undefined) throw new RangeError(`update ${update}: there are only ${updates.length}`);
    const { loss, weight, gradients } = await this.#meanLoss(batch.map((index) => at(examples, index)));
    const diverged = (what: string, cause?: unknown): UserError =>
      new UserError(`update ${update}: the ${what}; lower the learning rate, which is ${schedule.peak}`, { cause });
    if (!Number.isFinite(loss)) throw diverged(`loss is ${loss}`);
    try {
      clipGlobalNorm(gradients, maxGradNorm);
    } catch (error) {
      if (error instanceof NonFiniteGradientError) throw diverged(`gradient has ${error.value}`, error);
      throw error;
    }
    const learningRate = learningRateAt(schedule, update - 1);
    adamWStep(this.#parameters, gradients, this.#optimizer, { learningRate, direction: 'descend', weightDecay });
    return { update, loss, learningRate, weight, seconds: (performance.now() - began) / 1000 };
  }

  /** Accumulates the micro-batches' means, each with its weight. */
  async #meanLoss(examples: readonly Example[]): Promise<MeanLoss> {
    const { compute, microBatch = examples.length } = this.#options;
    if (examples.length <= microBatch) return compute(examples);
    const sums = this.#parameters.map(({ length }) => new Float32Array(length));
    let [loss, weight] = [0, 0];
    for (let start = 0; start < examples.length; start += microBatch) {
      const part = await compute(examples.slice(start, start + microBatch));
      loss += part.weight * part.loss;
      weight += part.weight;
      for (const [k, sum] of sums.entries()) {
        const gradient = at(part.gradients, k);
        for (let i = 0; i < sum.length; i++) sum[i] = f32(sum, i) + part.weight * f32(gradient, i);
      }
    }
    for (const sum of sums) for (let i = 0; i < sum.length; i++) sum[i] = f32(sum, i) / weight;
    return { loss: loss / weight, weight, gradients: sums };
  }
}
