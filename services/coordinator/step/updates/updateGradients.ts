/** The gradients of one update, computed by gradient workers. */
import { objectiveNames } from '@gapo/config';
import { at } from '@gapo/numeric';
import type { Gram } from '@gapo/objectives';
import { spanNames } from '@gapo/tracing';
import { batchGradients, sumOfShards, type BatchGradients, type GradientInput } from '../../workers/gradients.js';
import type { StepContext } from '../context/stepContext.js';
import type { GramSource } from '../weightSources/gramSources.js';
import type { ScalarGradients, UpdateGradients, WeightedGradient } from '../weightSources/weightSource.js';
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

  perObjective(): Promise<BatchGradients> {
    return this.#exact(objectiveNames(this.#context.config), this.#request.inputs.signal.advantages);
  }

  async withScalar(): Promise<ScalarGradients> {
    const { advantages, scalar } = this.#request.inputs.signal;
    if (scalar === undefined) throw new RangeError('the learning signal has no advantage of all objectives');
    const names = objectiveNames(this.#context.config);
    const { objectives, regularizer, statistics } = await this.#exact(
      [...names, scalarName],
      withColumn(advantages, scalar),
    );
    const direction = at(objectives, names.length);
    return { objectives: objectives.slice(0, names.length), direction, regularizer, statistics };
  }

  async weighted(weights: ArrayLike<number>): Promise<WeightedGradient> {
    const advantages = weightedAdvantages(this.#request.inputs.signal.advantages, weights);
    const { objectives, regularizer, statistics } = await this.#exact([combinedName], advantages);
    const [direction = new Float32Array()] = objectives;
    return { direction, regularizer, statistics };
  }

  approximateGram(source: GramSource): Promise<Gram> {
    const { config, gradientCall, progress } = this.#context;
    const { inputs } = this.#request;
    const names = objectiveNames(config);
    const { loss, ...input } = this.#input(names, inputs.signal.advantages);
    return this.#timed(async () => {
      progress.expect(inputs.batch.shards.length);
      const { tensors } = await sumOfShards(
        gradientCall,
        { ...input, loss: { ...loss, ...source.request } },
        (answered) => [source.expected(names, answered)],
        () => progress.tick(),
      );
      return source.gram(tensors, names);
    });
  }

  combining<T>(work: () => T): Promise<T> {
    return this.#context.clock.time('combination', spanNames.stepCombination, work, this.#request.number);
  }

  #exact(objectives: string[], advantages: Float32Array): Promise<BatchGradients> {
    const { gradientCall, observer, progress, step } = this.#context;
    const { number: update, version, inputs } = this.#request;
    return this.#timed(() => {
      progress.expect(inputs.batch.shards.length);
      return batchGradients(
        gradientCall,
        this.#input(objectives, advantages),
        (shard, { seconds, worker, slowness }) => {
          const { number, start, end, firstToken, lastToken } = shard;
          const counts = { sequences: end - start, tokens: lastToken - firstToken };
          observer.gradient(update, { step, shard: number, version, ...counts, seconds, worker, slowness });
          progress.tick();
        },
      );
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
