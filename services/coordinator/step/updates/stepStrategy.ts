/** What PPO and DPO fill the frame of a training step with. */
import type { KlController } from '@gapo/objectives';
import type { ObjectiveReport } from '@gapo/rpc';
import type { StepContext } from '../context/stepContext.js';
import type { LossInputs, LossSettings } from './lossInputs.js';
import type { PlannedUpdate } from './updates.js';

/** What a step knows before its first update. */
export interface StepLearning {
  /** Number of records that were drawn from the data set. */
  readonly drawn: number;
  /** The inputs of the loss over the whole step. */
  readonly inputs: LossInputs;
  readonly loss: LossSettings;
  /** The updates, in order; at least one. */
  readonly updates: readonly PlannedUpdate[];
  /** What the report says of each objective, besides its part in the combination. */
  readonly objectives: readonly ObjectiveFindings[];
  /** The controller of the KL coefficient for the next step. */
  readonly kl: KlController;
  /** Divergence from the reference policy, nats per token; undefined where the step measures none. */
  readonly klPerToken: number | undefined;
}

/** The part of an objective's report that depends on the algorithm. */
export type ObjectiveFindings = Pick<ObjectiveReport, 'rewardMean' | 'rewardStd' | 'accuracy' | 'latencyMs' | 'failed'>;

/**
 * Gathers what a step learns from, derives the learning signal and plans the updates.
 *
 * @throws PauseNeeded, RunFailure, RpcError, the signal's reason
 */
export type StepStrategy = (context: StepContext) => Promise<StepLearning>;
