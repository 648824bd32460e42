/**
 * Rewarded Soups (Ramé et al. 2023, arXiv 2306.04488): a policy whose trained tensors are weighted averages of the
 * tensors of other runs. The runs must have started from the same parameters, which is checked. The low-rank
 * factors of adapters are averaged like every other tensor.
 */
import { updatesPerStep } from '@gapo/config';
import { addScaled } from '@gapo/numeric';
import { RpcError } from '@gapo/rpc';
import { initialState, untrained, type TrainingState } from '../state/trainingState.js';
import type { TrainingContext } from '../step/context/trainingContext.js';
import type { Run } from './run.js';

/** A run and its share of the average. */
export interface Ingredient {
  readonly run: Run;
  /** Shares sum to 1. */
  readonly share: number;
}

/** An average of runs. */
export interface Average {
  /** The first ingredient; the average takes its configuration. */
  readonly first: Run;
  readonly training: TrainingContext;
  /** The state after all steps, without moments. */
  readonly state: TrainingState;
}

/**
 * Normalizes the weights of an average to shares that sum to 1.
 *
 * @throws RpcError INVALID_ARGUMENT if there are none, one is negative or not finite, or all are 0
 */
export function sharesOf(ingredients: Readonly<Record<string, number>>): ReadonlyMap<string, number> {
  const entries = Object.entries(ingredients);
  const refuse = (what: string): never => {
    throw new RpcError('INVALID_ARGUMENT', `ingredients: ${what}; give the id of each run a weight of at least 0`);
  };
  if (entries.length === 0) refuse('there are none');
  for (const [id, weight] of entries) {
    if (!(Number.isFinite(weight) && weight >= 0)) refuse(`the weight of ${id} is ${weight}`);
  }
  const sum = entries.reduce((total, [, weight]) => total + weight, 0);
  if (!(sum > 0 && Number.isFinite(sum))) refuse(`the weights sum to ${sum}`);
  return new Map(entries.map(([id, weight]) => [id, weight / sum]));
}

/**
 * Averages the newest versions of runs.
 *
 * @param ingredients at least one
 * @throws RpcError FAILED_PRECONDITION naming a run that differs from the first, and the difference
 * @throws UserError if files of a run are invalid
 */
export async function averageOf(ingredients: readonly Ingredient[]): Promise<Average> {
  const [first] = ingredients;
  if (first === undefined) throw new RangeError('an average needs ingredients');
  const held = await first.run.hold();
  try {
    return await averageWith(held.loop.training, first, ingredients);
  } finally {
    held.release();
  }
}

/** @param base the training of the first ingredient */
async function averageWith(
  base: TrainingContext,
  first: Ingredient,
  ingredients: readonly Ingredient[],
): Promise<Average> {
  const sum = new Float64Array(base.initial.length);
  for (const { run, share } of ingredients) {
    const { loop, release } = await run.hold();
    try {
      const difference = differenceOf(base, loop.training);
      if (difference !== undefined) {
        throw new RpcError(
          'FAILED_PRECONDITION',
          `run ${run.id} cannot be averaged with run ${first.run.id}: ${difference}`,
        );
      }
      addScaled(sum, loop.state.trained.parameters, share);
    } finally {
      release();
    }
  }
  const { config } = first.run;
  const trained = untrained(Float32Array.from(sum));
  const version = config.steps * updatesPerStep(config);
  const state = {
    ...initialState(config, base.initial),
    step: config.steps,
    trained: { ...trained, optimizer: { ...trained.optimizer, step: version } },
  };
  return { first: first.run, training: base, state };
}

/** Returns why two runs cannot be averaged; undefined if they can. */
function differenceOf(a: TrainingContext, b: TrainingContext): string | undefined {
  if (a.spec.modelSha256 !== b.spec.modelSha256) {
    return `their base models differ (${String(a.spec.model)} and ${String(b.spec.model)})`;
  }
  if (a.spec.mode !== b.spec.mode) return 'one trained an adapter, the other every weight';
  if (a.spec.loraRank !== b.spec.loraRank) {
    return `their adapters have ranks ${String(a.spec.loraRank)} and ${String(b.spec.loraRank)}`;
  }
  if (a.spec.loraAlpha !== b.spec.loraAlpha) {
    return `their adapters have alpha ${String(a.spec.loraAlpha)} and ${String(b.spec.loraAlpha)}`;
  }
  if (JSON.stringify(a.spec.loraExceptions) !== JSON.stringify(b.spec.loraExceptions)) {
    return 'their adapters have different alphas in some modules';
  }
  const names = ({ shapes }: TrainingContext): string =>
    shapes.map(({ name, shape }) => `${name}[${shape.join()}]`).join();
  if (names(a) !== names(b)) return 'they trained different tensors';
  if (a.initial.some((value, i) => value !== b.initial[i])) {
    return `they started from different parameters (seeds ${a.config.seed} and ${b.config.seed}); train them with the same seed`;
  }
  return undefined;
}
