/** The updates of a step: each computes gradients, chooses weights, follows a direction and publishes a version. */
import type { Combination, Gram, Memory } from '@gapo/objectives';
import type { GradientStatistics } from '@gapo/rpc';
import { spanNames } from '@gapo/tracing';
import { throwIfAborted } from '../../state/interruption.js';
import type { ChosenWeights, CombinationState, Trained } from '../../state/trainingState.js';
import type { StepContext } from '../context/stepContext.js';
import { weightSource } from '../weightSources/choose.js';
import { assertLogprobGap } from './logprobGap.js';
import type { LossInputs, LossSettings } from './lossInputs.js';
import { addRegularizer, clipDirection, optimizerStep, updateRule, valueParameters } from './optimizerStep.js';
import { WorkerGradients } from './updateGradients.js';

/** One update of a step. */
export interface PlannedUpdate {
  /** Whether its statistics are part of the step's report. */
  readonly reported: boolean;
  /** Returns the inputs of its loss. */
  readonly inputs: () => LossInputs;
  /** Computes an additional gradient, [parameters], that is added after the combination. */
  readonly extra?: (version: number) => Promise<Float32Array>;
}

/** The updates of a step and what they have in common. */
export interface UpdatePlan {
  /** At least one. */
  readonly updates: readonly PlannedUpdate[];
  readonly loss: LossSettings;
  /** Combines the gradients of an update. */
  readonly combine: (memory: Memory, gram: Gram) => Combination;
  readonly combination: CombinationState;
  /**
   * The largest gap between sampler and trainer logprobs; undefined if the first update measures it, because its version sampled.
   */
  readonly samplerGap: number | undefined;
}

/** The result of a step's updates. */
export interface Updated {
  readonly trained: Trained;
  readonly combination: CombinationState;
  /** Weights of the last update. */
  readonly chosen: ChosenWeights;
  /** From the last update that measured it. */
  readonly approximationDegrees: number | undefined;
  /** Norm of the last update, before clipping. */
  readonly norm: number;
  readonly learningRate: number;
  /** Sums over the reported updates. */
  readonly statistics: Pick<GradientStatistics, 'entropySum' | 'clipped' | 'tokens'>;
  /** Largest gap between the logprobs of sampler and trainer. */
  readonly maxLogprobGap: number;
}

/**
 * Makes the updates of a step one after another.
 *
 * @throws RpcError, PauseNeeded as WorkerPool.run; NonFiniteError naming the objective; the signal's reason
 */
export async function makeUpdates(
  { updates, loss, combine, combination, samplerGap }: UpdatePlan,
  context: StepContext,
): Promise<Updated> {
  const { before, clock, config, observer, signal, step, training, versions } = context;
  const rule = updateRule(config, valueParameters(training.shapes));
  let { trained } = before;
  let { memory } = combination;
  const made: MadeUpdate[] = [];
  for (const [number, { reported, inputs, extra }] of updates.entries()) {
    const { step: version } = trained.optimizer;
    const gradients = new WorkerGradients(context, { number, version, inputs: inputs(), loss });
    const source = weightSource(context, combine.bind(undefined, memory), combination.chosen);
    const { direction, regularizer, statistics, chosen, degrees, remembered } = await source.decide(gradients);
    memory = { ...memory, ...remembered };
    if (number === 0) assertLogprobGap(context, samplerGap ?? statistics.maxLogprobGap);
    const added = extra && (await clock.time('gradients', spanNames.stepGradients, () => extra(version), number));
    throwIfAborted(signal);
    observer.progress('combination', 0, 1);
    const { after, norm, learningRate } = await clock.time(
      'combination',
      spanNames.stepOptimizer,
      () => {
        addRegularizer(direction, regularizer);
        addRegularizer(direction, added);
        const norm = clipDirection(rule, direction);
        const next = optimizerStep(rule, trained, direction);
        versions.put(next.after.optimizer.step, next.after.parameters);
        return { ...next, norm };
      },
      number,
    );
    observer.progress('combination', 1, 1);
    trained = after;
    made.push({ chosen, degrees, norm, learningRate, statistics, reported });
  }
  const [first] = made;
  const last = made.at(-1);
  if (first === undefined || last === undefined) throw new RangeError(`step ${step} has no updates`);
  const { chosen, norm, learningRate } = last;
  return {
    trained,
    combination: { memory, chosen },
    chosen,
    approximationDegrees: made.findLast(({ degrees }) => degrees !== undefined)?.degrees,
    norm,
    learningRate,
    statistics: sumOfReported(made),
    maxLogprobGap: samplerGap ?? first.statistics.maxLogprobGap,
  };
}

/** What is kept of an update. Its gradients are not. */
interface MadeUpdate extends Pick<Updated, 'chosen' | 'norm' | 'learningRate'> {
  readonly degrees: number | undefined;
  readonly statistics: GradientStatistics;
  readonly reported: boolean;
}

function sumOfReported(made: readonly MadeUpdate[]): Updated['statistics'] {
  return made
    .filter(({ reported }) => reported)
    .map(({ statistics }) => statistics)
    .reduce<Updated['statistics']>(
      (sum, { entropySum, tokens, clipped }) => ({
        entropySum: sum.entropySum + entropySum,
        tokens: sum.tokens + tokens,
        clipped: clipped.map((count, k) => count + (sum.clipped[k] ?? 0)),
      }),
      { entropySum: 0, tokens: 0, clipped: [] },
    );
}
