/** The part of a training step that depends on the algorithm. */
import type { KlController } from '@gapo/objectives';
import type { ObjectiveReport, StepReport } from '@gapo/rpc';
import type { StepSamples } from '../../data/keptSamples.js';
import type { CombinationState } from '../../state/trainingState.js';
import type { StepContext } from '../context/stepContext.js';
import type { LossInputs, LossSettings } from './lossInputs.js';
import type { PlannedUpdate } from './updates.js';

/** The learning signal of a step, and its planned updates. */
export interface StepLearning {
  /** Number of records drawn from the data set. */
  readonly drawn: number;
  /** The inputs of the loss over the whole step. */
  readonly inputs: LossInputs;
  readonly loss: LossSettings;
  /** The updates, in order; at least one. */
  readonly updates: readonly PlannedUpdate[];
  /** The report of each objective, without the fields about the combination. */
  readonly objectives: readonly ObjectiveFindings[];
  /** The combination's state once the step's rewards are known. */
  readonly combination: CombinationState;
  /** The mean loss of each objective, with DPO; empty with PPO. */
  readonly losses: readonly number[];
  /** The mean λ of the completions, if the policy is conditioned on the preference. Length K. */
  readonly preference?: Float64Array | undefined;
  /** The KL controller for the next step. */
  readonly kl: KlController;
  /** KL divergence from the reference policy in nats per token; undefined if not measured. */
  readonly klPerToken: number | undefined;
  /** How far the policy that sampled is from the policy at the start of the step; undefined if not measured. */
  readonly offPolicy: Pick<StepReport, 'staleness' | 'effectiveSampleSize'> | undefined;
  /**
   * The largest gap between sampler and trainer log-probabilities under the version that sampled; undefined if the first update measures
   * it.
   */
  readonly samplerGap: number | undefined;
  /** The completions to store for people to read; undefined if there are none. */
  readonly samples: StepSamples | undefined;
}

/** The part of an objective's report that depends on the algorithm. */
export type ObjectiveFindings = Pick<
  ObjectiveReport,
  'rewardMean' | 'rewardStd' | 'accuracy' | 'latencyMs' | 'failed' | 'outliers'
>;

/**
 * Gathers the data of a step, derives the learning signal and plans the updates.
 *
 * @throws PauseNeeded, RunFailure, RpcError, the signal's reason
 */
export type StepStrategy = (context: StepContext) => Promise<StepLearning>;
