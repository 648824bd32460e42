/** One training stage with warm-up and cosine decay, which reports progress every hundred steps. */
import type { NamedTensor } from '@gapo/model';
import { createAdamWState } from '@gapo/numeric';
import { Descent, type MeanLoss, updatesOf } from '@gapo/training';
import type { StageSettings } from './settings.js';

/** A stage over examples that are already tokenised. */
export interface Stage<Example> {
  readonly name: string;
  readonly settings: StageSettings;
  readonly seed: number;
  readonly examples: readonly Example[];
  /** Groups examples of similar length into batches, to reduce padding. */
  readonly lengthOf: (example: Example) => number;
  readonly compute: (tensors: readonly NamedTensor[], batch: readonly Example[]) => Promise<MeanLoss>;
  readonly report: (line: string) => void;
}

/** Trains the tensors in place. Returns the mean loss of the last tenth of the steps. */
export async function train<Example>(tensors: readonly NamedTensor[], stage: Stage<Example>): Promise<number> {
  const { name, settings, seed, examples, lengthOf, compute, report } = stage;
  const { batch, epochs, learningRate: peak, weightDecay } = settings;
  const updates = updatesOf(examples.map(lengthOf), batch, epochs, seed);
  const { length: totalSteps } = updates;
  const parameters = tensors.map(({ data }) => data);
  const descent = new Descent(parameters, createAdamWState(parameters), {
    examples,
    updates,
    compute: (some) => compute(tensors, some),
    schedule: { kind: 'cosine', peak, warmupSteps: Math.ceil(0.03 * totalSteps), totalSteps, floor: peak / 10 },
    weightDecay,
    maxGradNorm: 1,
  });
  const losses: number[] = [];
  let seconds = 0;
  while (!descent.finished) {
    const update = await descent.update();
    losses.push(update.loss);
    seconds += update.seconds;
    if (descent.done % 100 === 0 || descent.finished) {
      const left = (seconds / descent.done) * (totalSteps - descent.done);
      report(
        `${name}: step ${descent.done} of ${totalSteps}, loss ${mean(losses.slice(-100)).toFixed(4)}, ` +
          `${seconds.toFixed(0)} s, ${left.toFixed(0)} s left`,
      );
    }
  }
  return mean(losses.slice(-Math.ceil(losses.length / 10)));
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}
