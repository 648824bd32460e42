/** The training state: what a checkpoint stores and a step starts from. */
import { combinerSettings, objectiveNames, type RunConfig } from '@gapo/config';
import { createAdamWState, type AdamWState } from '@gapo/numeric';
import { combinerOf, weightingOf, type KlController, type Memory } from '@gapo/objectives';
import type { GoalChange } from './goals.js';
import { earlierVersions } from './samplingSchedule.js';

/** The last chosen weights, with the measurements of that step. Arrays have one entry per objective. */
export interface ChosenWeights {
  /** The step that chose them. */
  readonly step: number;
  /** Number of earlier steps that chose weights. */
  readonly earlier: number;
  readonly weights: readonly number[];
  readonly alpha: readonly number[];
  readonly norms: readonly number[];
  readonly progress: readonly number[];
  readonly stationarity: number;
  /** Cosines of the gradients of all pairs i < j, row by row; null if one is zero. Absent in checkpoints of earlier releases. */
  readonly cosines?: readonly (number | null)[] | undefined;
  /**
   * The relative residual of the solver's certificate; absent if the method has no solver, and in checkpoints of earlier releases.
   */
  readonly residual?: number | undefined;
}

/** The state of the combination. */
export interface CombinationState {
  /** The combiner's memory between steps. */
  readonly memory: Memory;
  /** Absent before the first choice. */
  readonly chosen?: ChosenWeights;
}

/** Vectors present in every checkpoint; empty unless the combiner uses them. */
const emptyMemory = { rewards: [], multipliers: [] };

/** The trained parameters and the optimizer's state. */
export interface Trained {
  readonly parameters: Float32Array;
  /** Moments of the flat parameter vector; `step` counts updates. */
  readonly optimizer: AdamWState;
}

/** What the workers of one kind have in common. */
export interface WorkersRecord {
  /** Undefined until a worker has been admitted. */
  readonly build: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
}

/** By kind of worker; kinds that a run does not use are missing. */
export type WorkersRecords = Readonly<Partial<Record<'rollout' | 'gradient', WorkersRecord>>>;

/** A version before the newest one. */
export interface EarlierVersion {
  readonly version: number;
  readonly parameters: Float32Array;
}

/** The state after a step. Immutable, so an abandoned step leaves it unchanged. */
export interface TrainingState {
  /** Steps taken. */
  readonly step: number;
  /** Prompts drawn so far; with the seed this is the data cursor. */
  readonly position: number;
  /** The KL coefficient and its controller. */
  readonly kl: KlController;
  readonly combination: CombinationState;
  /** Changes of goals made before the step began, in order. */
  readonly goalChanges: readonly GoalChange[];
  readonly trained: Trained;
  /** The versions of {@link earlierVersions}: with `rollout.staleness`, completions of later steps are sampled from them. */
  readonly earlier: readonly EarlierVersion[];
  /** The workers that computed the last step; absent before the first one. */
  readonly workers?: WorkersRecords;
}

/** Returns the newest policy version: the number of optimizer updates. */
export function versionOf({ trained }: TrainingState): number {
  return trained.optimizer.step;
}

/** Returns the earlier versions for the next state, the one after the step that starts from the given state. */
export function earlierAfter(config: RunConfig, { step, earlier, trained }: TrainingState): readonly EarlierVersion[] {
  const held = [...earlier, { version: trained.optimizer.step, parameters: trained.parameters }];
  return earlierVersions(config, step + 1).map((version) => {
    const found = held.find((each) => each.version === version);
    if (found === undefined) throw new RangeError(`the state after step ${step} has no version ${version}`);
    return found;
  });
}

/** Returns the state before the first step. */
export function initialState(config: RunConfig, parameters: Float32Array): TrainingState {
  const { coefficient, controller } = config.kl;
  const kl: KlController = controller === 'fixed' ? { kind: 'fixed', coefficient } : { ...controller, coefficient };
  return {
    step: 0,
    position: 0,
    kl,
    combination: initialCombination(config),
    goalChanges: [],
    trained: untrained(parameters),
    earlier: [],
  };
}

/** Returns the combination's state before the first step. */
export function initialCombination(config: RunConfig): CombinationState {
  const combiner = combinerOf(config.combine.method);
  const names = objectiveNames(config);
  const memory = combiner.initialMemory?.(combinerSettings(config), names);
  const { weighting } = config;
  const ofWeighting = weighting && weightingOf(weighting.method).initialMemory?.(weighting, names);
  return { memory: { ...emptyMemory, ...memory, ...ofWeighting } };
}

/** Returns parameters with zero moments. */
export function untrained(parameters: Float32Array): Trained {
  return { parameters, optimizer: createAdamWState([parameters]) };
}
