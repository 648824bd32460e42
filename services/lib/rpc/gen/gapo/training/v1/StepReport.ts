// Original file: gapo/training/v1/run.proto

import type { ObjectiveReportInput as _gapo_training_v1_ObjectiveReportInput, ObjectiveReport as _gapo_training_v1_ObjectiveReport } from '../../../gapo/training/v1/ObjectiveReport.js';
import type { PhaseSecondsInput as _gapo_training_v1_PhaseSecondsInput, PhaseSeconds as _gapo_training_v1_PhaseSeconds } from '../../../gapo/training/v1/PhaseSeconds.js';
import type { Long } from '@grpc/proto-loader';

/**
 * The report of one training step.
 */
export interface StepReportInput {
  /**
   * The step, from 1.
   */
  'step'?: (number | string | Long);
  /**
   * One for each objective, in order.
   */
  'objectives'?: (_gapo_training_v1_ObjectiveReportInput)[];
  /**
   * Mean k2 estimate of the sampling policy's KL divergence from the reference, per token; unset if the run has no reference.
   */
  'kl'?: (number | string);
  /**
   * Mean entropy per token, in nats.
   */
  'entropy'?: (number | string);
  /**
   * Share of tokens at which the PPO clip is active, over all objectives.
   */
  'clipFraction'?: (number | string);
  /**
   * The largest difference between a token's logprob at the sampler and at the trainer.
   */
  'maxLogprobGap'?: (number | string);
  /**
   * Norm of the min-norm convex combination of the normalised gradients: 0 is Pareto stationary, 1 is full agreement.
   */
  'stationarity'?: (number | string);
  /**
   * Norm of the update before clipping.
   */
  'updateNorm'?: (number | string);
  /**
   * The learning rate of this step.
   */
  'learningRate'?: (number | string);
  /**
   * Completion tokens.
   */
  'tokens'?: (number | string | Long);
  /**
   * Mean completion length in tokens.
   */
  'completionLength'?: (number | string);
  /**
   * Share of completions that ended with an end-of-sequence token.
   */
  'finishedFraction'?: (number | string);
  /**
   * Wall time of the step, in seconds.
   */
  'seconds'?: (number | string);
  /**
   * Wall time of each phase.
   */
  'phases'?: (_gapo_training_v1_PhaseSecondsInput | null);
  /**
   * Estimated time until the last step ends, in seconds, from the mean of recent steps.
   */
  'etaSeconds'?: (number | string);
  /**
   * Trace id (hex) of the step; empty if tracing is off.
   */
  'traceId'?: (string);
  /**
   * Steps since the combination weights were computed: 0 if in this step.
   */
  'weightsAge'?: (number);
  /**
   * The angle in degrees between the update and the exact one. Set only if the weights come from an approximate source and were checked
   * in this step.
   */
  'approximationDegrees'?: (number | string);
  /**
   * Largest relative violation of the optimality conditions of the weights, as checked by their solver. Unset if the combination method
   * solves no optimisation problem.
   */
  'kktResidual'?: (number | string);
  /**
   * Updates between the version that sampled the completions and the one that the step began with. Set only with
   * rollout.staleness or ppo.importanceCap.
   */
  'staleness'?: (number);
  /**
   * Effective sample size of the completion tokens under the version that the step began with, as a share of their number. Set
   * only with rollout.staleness or ppo.importanceCap.
   */
  'effectiveSampleSize'?: (number | string);
  '_kl'?: "kl";
  '_approximationDegrees'?: "approximationDegrees";
  '_kktResidual'?: "kktResidual";
  '_staleness'?: "staleness";
  '_effectiveSampleSize'?: "effectiveSampleSize";
}

/**
 * The report of one training step.
 */
export interface StepReport {
  /**
   * The step, from 1.
   */
  'step': (number);
  /**
   * One for each objective, in order.
   */
  'objectives': (_gapo_training_v1_ObjectiveReport)[];
  /**
   * Mean k2 estimate of the sampling policy's KL divergence from the reference, per token; unset if the run has no reference.
   */
  'kl'?: (number);
  /**
   * Mean entropy per token, in nats.
   */
  'entropy': (number);
  /**
   * Share of tokens at which the PPO clip is active, over all objectives.
   */
  'clipFraction': (number);
  /**
   * The largest difference between a token's logprob at the sampler and at the trainer.
   */
  'maxLogprobGap': (number);
  /**
   * Norm of the min-norm convex combination of the normalised gradients: 0 is Pareto stationary, 1 is full agreement.
   */
  'stationarity': (number);
  /**
   * Norm of the update before clipping.
   */
  'updateNorm': (number);
  /**
   * The learning rate of this step.
   */
  'learningRate': (number);
  /**
   * Completion tokens.
   */
  'tokens': (number);
  /**
   * Mean completion length in tokens.
   */
  'completionLength': (number);
  /**
   * Share of completions that ended with an end-of-sequence token.
   */
  'finishedFraction': (number);
  /**
   * Wall time of the step, in seconds.
   */
  'seconds': (number);
  /**
   * Wall time of each phase.
   */
  'phases': (_gapo_training_v1_PhaseSeconds | null);
  /**
   * Estimated time until the last step ends, in seconds, from the mean of recent steps.
   */
  'etaSeconds': (number);
  /**
   * Trace id (hex) of the step; empty if tracing is off.
   */
  'traceId': (string);
  /**
   * Steps since the combination weights were computed: 0 if in this step.
   */
  'weightsAge': (number);
  /**
   * The angle in degrees between the update and the exact one. Set only if the weights come from an approximate source and were checked
   * in this step.
   */
  'approximationDegrees'?: (number);
  /**
   * Largest relative violation of the optimality conditions of the weights, as checked by their solver. Unset if the combination method
   * solves no optimisation problem.
   */
  'kktResidual'?: (number);
  /**
   * Updates between the version that sampled the completions and the one that the step began with. Set only with
   * rollout.staleness or ppo.importanceCap.
   */
  'staleness'?: (number);
  /**
   * Effective sample size of the completion tokens under the version that the step began with, as a share of their number. Set
   * only with rollout.staleness or ppo.importanceCap.
   */
  'effectiveSampleSize'?: (number);
  '_kl'?: "kl";
  '_approximationDegrees'?: "approximationDegrees";
  '_kktResidual'?: "kktResidual";
  '_staleness'?: "staleness";
  '_effectiveSampleSize'?: "effectiveSampleSize";
}
