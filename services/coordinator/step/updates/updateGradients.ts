/** The gradients of one update, computed by gradient workers. */
import { objectiveNames } from '@gapo/config';
import { scaledGram, type Gram } from '@gapo/objectives';
import { spanNames } from '@gapo/tracing';
import { batchGradients, sumOfShards, type GradientInput } from '../../workers/gradients.js';
import type { StepContext } from '../context/stepContext.js';
import type { GramSource } from '../weightSources/gramSources.js';
import { directionOf, unitAdvantages, type ObjectiveGradients } from '../weightSources/unitAdvantages.js';
import type { UpdateGradients, WeightedGradient } from '../weightSources/weightSource.js';
import { weightedAdvantages, withColumn, type LossInputs, type LossSettings } from './lossInputs.js';

/** The name of the pseudo-objective whose advantages are the weighted sum. */
const combinedName = 'combined';

/**
 * The name of the gradient of the single advantage for all objectives. No objective can have this name, because
 * objective names are single words.
 */
const scalarName = 'all objectives';

/** An update to compute gradients for. */
export interface UpdateRequest {
  /** Index among the step's updates. */
  readonly number: number;
  /** The policy version before the update. */
  readonly version: number;
  readonly inputs: LossInputs;
  readonly loss: LossSettings;
}

/** Computes the gradients of one update with gradient workers. */
export class WorkerGradients implements UpdateGradients {
  readonly #context: StepContext;
  readonly #request: UpdateRequest;

  constructor(context: StepContext, request: UpdateRequest) {
    this.#context = context;
    this.#request = request;
  }

  perObjective(): Promise<ObjectiveGradients> {
    return this.#exact(objectiveNames(this.#context.config), this.#request.inputs.signal.advantages);
  }

  withScalar(): Promise<ObjectiveGradients> {
    const { advantages, scalar } = this.#request.inputs.signal;
    if (scalar === undefined) throw new RangeError('the learning signal has no advantage of all objectives');
    return this.#exact([...objectiveNames(this.#context.config), scalarName], withColumn(advantages, scalar));
  }

  async weighted(weights: ArrayLike<number>): Promise<WeightedGradient> {
    const advantages = weightedAdvantages(this.#request.inputs.signal.advantages, weights);
    const gradients = await this.#exact([combinedName], advantages);
    const { regularizer, statistics } = gradients;
    return { direction: directionOf(gradients, [1]), regularizer, statistics };
  }

  approximateGram(source: GramSource): Promise<Gram> {
    const { config, gradientCall, progress } = this.#context;
    const { inputs } = this.#request;
    const names = objectiveNames(config);
    const { units, scales } = unitAdvantages(inputs.signal.advantages, names.length);
    const { loss, ...input } = this.#input(names, units);
    return this.#timed(async () => {
      progress.expect(inputs.batch.shards.length);
      const { tensors } = await sumOfShards(
        gradientCall,
        { ...input, loss: { ...loss, ...source.request } },
        (answered) => [source.expected(names, answered)],
        () => progress.tick(),
      );
      return scaledGram(source.gram(tensors, names), scales);
    });
  }

  combining<T>(work: () => T): Promise<T> {
    return this.#context.clock.time('combination', spanNames.stepCombination, work, this.#request.number);
  }

  #exact(names: string[], advantages: Float64Array): Promise<ObjectiveGradients> {
    const { gradientCall, observer, progress, step } = this.#context;
    const { number: update, version, inputs } = this.#request;
    const { units, scales } = unitAdvantages(advantages, names.length);
    return this.#timed(async () => {
      progress.expect(inputs.batch.shards.length);
      const { objectives, ...rest } = await batchGradients(
        gradientCall,
        this.#input(names, units),
        (shard, { seconds, worker, slowness }) => {
          const { number, start, end, firstToken, lastToken } = shard;
          const counts = { sequences: end - start, tokens: lastToken - firstToken };
          observer.gradient(update, { step, shard: number, version, ...counts, seconds, worker, slowness });
          progress.tick();
        },
      );
      return { units: objectives, scales, ...rest };
    });
  }

  #timed<T>(work: () => Promise<T>): Promise<T> {
    return this.#context.clock.time('gradients', spanNames.stepGradients, work, this.#request.number);
  }

  #input(objectives: string[], advantages: Float32Array): GradientInput {
    const { version, loss, inputs } = this.#request;
    const { batch, signal, referenceLogprobs, oldValues, denominator } = inputs;
    return {
      policy: this.#context.policy(version),
      batch,
      loss: { ...loss, denominator, objectives },
      advantages,
      perToken: signal.perToken,
      referenceLogprobs,
      oldValues,
      returns: signal.returns,
      parameters: this.#context.training.initial.length,
    };
  }
}
