/** A descent: updates in a given order, each along the gradient of its examples' mean loss, clipped, through AdamW. */
import {
  type AdamWState,
  NonFiniteGradientError,
  type Schedule,
  type Tensors,
  adamWStep,
  clipGlobalNorm,
  learningRateAt,
} from '@gapo/numeric';
import { UserError } from '@gapo/service';

/** The mean loss of some examples. */
export interface MeanLoss {
  readonly loss: number;
  /** What the mean is over: tokens, pairs. Parts of an update add up by it. */
  readonly weight: number;
  /** The gradient of the loss, one for each parameter. */
  readonly gradients: readonly Float32Array[];
}

/** How a descent goes. */
export interface DescentOptions<Example> {
  readonly examples: readonly Example[];
  /** Places of the examples of each update. */
  readonly updates: readonly (readonly number[])[];
  /** The loss of some examples at the parameters as they are. */
  readonly compute: (examples: readonly Example[]) => Promise<MeanLoss>;
  /** Examples that are computed at a time; their gradients add up to the update's. @default all */
  readonly microBatch?: number;
  readonly schedule: Schedule;
  readonly weightDecay: number;
  /** Longer gradients are shortened to this norm. */
  readonly maxGradNorm: number;
}

/** What an update was. */
export interface Update {
  /** From 1. */
  readonly update: number;
  readonly loss: number;
  readonly learningRate: number;
  /** See {@link MeanLoss}. */
  readonly weight: number;
  readonly seconds: number;
}

/** Parameters on their way down. */
export class Descent<Example> {
  readonly #parameters: Tensors;
  readonly #optimizer: AdamWState;
  readonly #options: DescentOptions<Example>;

  /**
   * @param parameters changed in place
   * @param optimizer changed in place; its steps are the updates that have been made
   */
  constructor(parameters: Tensors, optimizer: AdamWState, options: DescentOptions<Example>) {
    this.#parameters = parameters;
    this.#optimizer = optimizer;
    this.#options = options;
  }

  /** Updates made so far, those of an earlier process included. */
  get done(): number {
    return this.#optimizer.step;
  }

  /** Updates in all. */
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
   * @throws UserError where the loss or its gradient is no finite number
   */
  async update(): Promise<Update> {
    const began = performance.now();
    const { examples, updates, schedule, weightDecay, maxGradNorm } = this.#options;
    const update = this.done + 1;
    const places = updates[this.done];
    if (places === undefined) throw new RangeError(`update ${update}: there are ${updates.length}`);
    const { loss, weight, gradients } = await this.#meanLoss(places.map((place) => examples[place] as Example));
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

  /** The parts' means, weighted by what they are over. */
  async #meanLoss(examples: readonly Example[]): Promise<MeanLoss> {
    const { compute, microBatch = examples.length } = this.#options;
    if (examples.length <= microBatch) return compute(examples);
    const sums = this.#parameters.map(({ length }) => new Float32Array(length));
    let [loss, weight] = [0, 0];
    for (let start = 0; start < examples.length; start += microBatch) {
      const part = await compute(examples.slice(start, start + microBatch));
      loss += part.weight * part.loss;
      weight += part.weight;
      part.gradients.forEach((gradient, k) => {
        const sum = sums[k]!;
        for (let i = 0; i < sum.length; i++) sum[i]! += part.weight * gradient[i]!;
      });
    }
    for (const sum of sums) for (let i = 0; i < sum.length; i++) sum[i]! /= weight;
    return { loss: loss / weight, weight, gradients: sums };
  }
}
