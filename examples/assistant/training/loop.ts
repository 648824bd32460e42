/** One training stage: batches in a fixed order, AdamW with warm-up and cosine, progress with an estimate of the time left. */
import { permutation } from '@gapo/objectives';
import { type Schedule, adamWStep, clipGlobalNorm, createAdamWState, learningRateAt } from '@gapo/optimizer';
import type { NamedTensor } from '@gapo/model';
import type { StageSettings } from './settings.js';

/** What one batch says. */
export interface BatchResult {
  readonly loss: number;
  readonly gradients: readonly Float32Array[];
}

/** A stage over examples that are already tokenised. */
export interface Stage<Example> {
  readonly name: string;
  readonly settings: StageSettings;
  readonly seed: number;
  readonly examples: readonly Example[];
  /** Examples of about equal length share a batch, so that little is padded. */
  readonly lengthOf: (example: Example) => number;
  readonly compute: (tensors: readonly NamedTensor[], batch: readonly Example[]) => Promise<BatchResult>;
  readonly report: (line: string) => void;
}

const maxGradientNorm = 1;
/** Batches whose examples are sorted by length together. */
const poolBatches = 16;

/** Trains the tensors in place. Returns the mean loss of the last tenth of the steps. */
export async function train<Example>(tensors: readonly NamedTensor[], stage: Stage<Example>): Promise<number> {
  const { name, settings } = stage;
  const parameters = tensors.map(({ data }) => data);
  const state = createAdamWState(parameters);
  const batches = plan(stage);
  const schedule: Schedule = {
    kind: 'cosine',
    peak: settings.learningRate,
    warmupSteps: Math.ceil(0.03 * batches.length),
    totalSteps: batches.length,
    floor: settings.learningRate / 10,
  };
  const started = performance.now();
  const losses: number[] = [];
  for (const [step, indices] of batches.entries()) {
    const batch = indices.map((index) => stage.examples[index] as Example);
    const { loss, gradients } = await stage.compute(tensors, batch);
    clipGlobalNorm(gradients, maxGradientNorm);
    adamWStep(parameters, gradients, state, {
      learningRate: learningRateAt(schedule, step),
      direction: 'descend',
      weightDecay: settings.weightDecay,
    });
    losses.push(loss);
    if ((step + 1) % 100 === 0 || step + 1 === batches.length) {
      const seconds = (performance.now() - started) / 1000;
      const left = (seconds / (step + 1)) * (batches.length - step - 1);
      stage.report(
        `${name}: step ${step + 1} of ${batches.length}, loss ${mean(losses.slice(-100)).toFixed(4)}, ` +
          `${seconds.toFixed(0)} s, ${left.toFixed(0)} s left`,
      );
    }
  }
  return mean(losses.slice(-Math.ceil(losses.length / 10)));
}

/** The examples of every step: a fresh order each epoch, in batches of about equal length. */
function plan<Example>({ settings, seed, examples, lengthOf }: Stage<Example>): readonly (readonly number[])[] {
  const batches: number[][] = [];
  for (let epoch = 0; epoch < settings.epochs; epoch++) {
    const order = [...permutation(examples.length, seed, epoch)];
    const pool = settings.batch * poolBatches;
    for (let start = 0; start < order.length; start += pool) {
      const sorted = order
        .slice(start, start + pool)
        .sort((a, b) => lengthOf(examples[a] as Example) - lengthOf(examples[b] as Example) || a - b);
      const inPool = Array.from({ length: Math.ceil(sorted.length / settings.batch) }, (_, i) =>
        sorted.slice(i * settings.batch, (i + 1) * settings.batch),
      );
      for (const index of permutation(inPool.length, seed, epoch, 1 + start)) batches.push(inPool[index] as number[]);
    }
  }
  return batches;
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}
