/** The updates of a step: for each one gradients, the combination's weights, a direction, the next version. */
import type { CombineOptions } from '@gapo/objectives';
import type { GradientStatistics } from '@gapo/rpc';
import { spanNames } from '@gapo/tracing';
import { throwIfAborted } from '../../state/interruption.js';
import type { ChosenWeights, CombinationState, Trained } from '../../state/trainingState.js';
import type { StepContext } from '../context/stepContext.js';
import { weightSource } from '../weightSources/choose.js';
import type { LossInputs, LossSettings } from './lossInputs.js';
import { addRegularizer, clipDirection, follow, updateRule, valueParameters } from './optimizerStep.js';
import { WorkerGradients } from './updateGradients.js';

/** One update of a step. */
export interface PlannedUpdate {
  /** Whether the report counts it. */
  readonly reported: boolean;
  /** Returns what it is computed from. */
  readonly inputs: () => LossInputs;
  /** Computes a further gradient, [parameters], which is added after the combination. */
  readonly extra?: (version: number) => Promise<Float32Array>;
}

/** The updates of a step and what is the same for all of them. */
export interface UpdatePlan {
  /** At least one. */
  readonly updates: readonly PlannedUpdate[];
  readonly loss: LossSettings;
  readonly options: CombineOptions;
  readonly combination: CombinationState;
}

/** The result of a step's updates. */
export interface Updated {
  readonly trained: Trained;
  readonly combination: CombinationState;
  /** Of the last update. */
  readonly chosen: ChosenWeights;
  /** Of the last update that measured it. */
  readonly approximationDegrees: number | undefined;
  /** Norm of the last update before clipping. */
  readonly norm: number;
  readonly learningRate: number;
  /** Sums over the updates that are reported. */
  readonly statistics: Pick<GradientStatistics, 'entropySum' | 'clipped' | 'tokens'>;
  /** The largest gap of the first update, whose version is the one that sampled. */
  readonly maxLogprobGap: number;
}

/**
 * Makes the updates of a step, one after the other.
 *
 * @throws RpcError, PauseNeeded as WorkerPool.run; NonFiniteError naming the objective; the signal's reason
 */
export async function makeUpdates(
  { updates, loss, options, combination }: UpdatePlan,
  context: StepContext,
): Promise<Updated> {
  const { before, clock, config, observer, signal, step, training, versions } = context;
  const rule = updateRule(config, valueParameters(training.shapes));
  const source = weightSource(context, options, combination.chosen);
  let { trained } = before;
  const made: MadeUpdate[] = [];
  for (const [number, { reported, inputs, extra }] of updates.entries()) {
    const { step: version } = trained.optimizer;
    const gradients = new WorkerGradients(context, { number, version, inputs: inputs(), loss });
    const { direction, regularizer, statistics, chosen, degrees } = await source.decide(gradients);
    const added = extra && (await clock.time('gradients', spanNames.stepGradients, () => extra(version), number));
    throwIfAborted(signal);
    observer.progress('combination', 0, 1);
    const { after, norm, learningRate } = await clock.time(
      'combination',
      spanNames.stepOptimizer,
      () => {
        addRegularizer(direction, regularizer);
        addRegularizer(direction, added);
        const clipped = { norm: clipDirection(rule, direction) };
        const followed = follow(rule, trained, direction);
        versions.put(followed.after.optimizer.step, followed.after.parameters);
        return { ...clipped, ...followed };
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
    combination: { ...combination, chosen },
    chosen,
    approximationDegrees: made.findLast(({ degrees }) => degrees !== undefined)?.degrees,
    norm,
    learningRate,
    statistics: sumOfReported(made),
    maxLogprobGap: first.statistics.maxLogprobGap,
  };
}

/** What is remembered of an update: none of its gradients. */
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
