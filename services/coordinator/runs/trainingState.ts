/** Where a run's training is: exactly what a checkpoint holds and a step leads from. */
import type { RunConfig } from '@gapo/config';
import type { KlController } from '@gapo/objectives';
import { initialCombination, type CombinationState } from '../step/combination.js';
import { untrained, type Trained } from '../step/update.js';
import type { AimsChange } from './aims.js';

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
  readonly aims: readonly AimsChange[];
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
    aims: [],
    trained: untrained(parameters),
  };
}
