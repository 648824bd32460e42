/** Where a run's training is: exactly what a checkpoint holds and a step leads from. */
import { combinerSettings, objectiveNames, type RunConfig } from '@gapo/config';
import { createAdamWState, type AdamWState } from '@gapo/numeric';
import { combinerOf, type KlController, type Memory } from '@gapo/objectives';
import type { GoalChange } from './goals.js';

/** The weights that were last chosen, with what was known of the objectives then. Arrays are by objective. */
export interface ChosenWeights {
  /** The step that chose them. */
  readonly step: number;
  /** Steps before it that chose weights. */
  readonly earlier: number;
  readonly weights: readonly number[];
  readonly alpha: readonly number[];
  readonly norms: readonly number[];
  readonly progress: readonly number[];
  readonly stationarity: number;
}

/** What a combination remembers; part of the training state. */
export interface CombinationState {
  /** What the combiner keeps from step to step. */
  readonly memory: Memory;
  /** Absent before the first choice. */
  readonly chosen?: ChosenWeights;
}

/** Vectors that every checkpoint has; empty where the combiner keeps none. */
const emptyMemory = { rewards: [], multipliers: [] };

/** Everything that an update reads and that a checkpoint must hold for it. */
export interface Trained {
  readonly parameters: Float32Array;
  /** Moments of the one flat tensor; `step` counts updates. */
  readonly optimizer: AdamWState;
}

/** The state after a step. Never modified: a step that is given up leaves it as it was. */
export interface TrainingState {
  /** Steps taken. */
  readonly step: number;
  /** Prompts drawn so far; with the seed this is the data cursor. */
  readonly position: number;
  /** The KL coefficient and what steers it. */
  readonly kl: KlController;
  /** What the combination remembers of earlier steps. */
  readonly combination: CombinationState;
  /** Changes of what the run aims at that had been made when the step began, in their order. */
  readonly goalChanges: readonly GoalChange[];
  /** Parameters and optimiser. */
  readonly trained: Trained;
}

/** The newest policy version: optimiser updates so far. With one epoch a step, step n leaves version n. */
export function versionOf({ trained }: TrainingState): number {
  return trained.optimizer.step;
}

/** The state before the first step. */
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
  };
}

/** What is remembered before the first step. */
export function initialCombination(config: RunConfig): CombinationState {
  const combiner = combinerOf(config.combine.method);
  const memory = combiner.initialMemory?.(combinerSettings(config), objectiveNames(config));
  return { memory: { ...emptyMemory, ...memory } };
}

/** A start: the parameters of version 0, and no moments. */
export function untrained(parameters: Float32Array): Trained {
  return { parameters, optimizer: createAdamWState([parameters]) };
}
