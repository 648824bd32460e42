// Original file: gapo/training/v1/training.proto

import type { ObjectiveReportInput as _gapo_training_v1_ObjectiveReportInput, ObjectiveReport as _gapo_training_v1_ObjectiveReport } from '../../../gapo/training/v1/ObjectiveReport.js';
import type { PhaseSecondsInput as _gapo_training_v1_PhaseSecondsInput, PhaseSeconds as _gapo_training_v1_PhaseSeconds } from '../../../gapo/training/v1/PhaseSeconds.js';
import type { Long } from '@grpc/proto-loader';

/**
 * What one step did.
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
   * Mean k2 KL to the reference per token.
   */
  'kl'?: (number | string);
  /**
   * Mean entropy per token, in nats.
   */
  'entropy'?: (number | string);
  /**
   * Share of tokens at which the clip is active, over all objectives.
   */
  'clipFraction'?: (number | string);
  /**
   * The largest |sampler − trainer| log-probability of a token.
   */
  'maxLogprobGap'?: (number | string);
  /**
   * The min-norm stationarity measure of the normalised gradients: 0 is Pareto stationary, 1 is agreement.
   */
  'stationarity'?: (number | string);
  /**
   * The norm of the update before clipping.
   */
  'updateNorm'?: (number | string);
  /**
   * The learning rate used.
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
   * Wall seconds of the whole step.
   */
  'seconds'?: (number | string);
  /**
   * Wall seconds of each phase.
   */
  'phases'?: (_gapo_training_v1_PhaseSecondsInput | null);
  /**
   * Seconds left, by the mean of recent steps.
   */
  'etaSeconds'?: (number | string);
  /**
   * The step's trace id (hex); empty where tracing is off.
   */
  'traceId'?: (string);
  /**
   * Steps since the combination's weights were chosen: 0 where they are this step's own.
   */
  'weightsAge'?: (number);
  /**
   * Where the weights come from an approximate source and were checked in this step: the angle in degrees between the
   * update that they make and the exact one.
   */
  'approximationDegrees'?: (number | string);
  '_approximationDegrees'?: "approximationDegrees";
}

/**
 * What one step did.
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
   * Mean k2 KL to the reference per token.
   */
  'kl': (number);
  /**
   * Mean entropy per token, in nats.
   */
  'entropy': (number);
  /**
   * Share of tokens at which the clip is active, over all objectives.
   */
  'clipFraction': (number);
  /**
   * The largest |sampler − trainer| log-probability of a token.
   */
  'maxLogprobGap': (number);
  /**
   * The min-norm stationarity measure of the normalised gradients: 0 is Pareto stationary, 1 is agreement.
   */
  'stationarity': (number);
  /**
   * The norm of the update before clipping.
   */
  'updateNorm': (number);
  /**
   * The learning rate used.
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
   * Wall seconds of the whole step.
   */
  'seconds': (number);
  /**
   * Wall seconds of each phase.
   */
  'phases': (_gapo_training_v1_PhaseSeconds | null);
  /**
   * Seconds left, by the mean of recent steps.
   */
  'etaSeconds': (number);
  /**
   * The step's trace id (hex); empty where tracing is off.
   */
  'traceId': (string);
  /**
   * Steps since the combination's weights were chosen: 0 where they are this step's own.
   */
  'weightsAge': (number);
  /**
   * Where the weights come from an approximate source and were checked in this step: the angle in degrees between the
   * update that they make and the exact one.
   */
  'approximationDegrees'?: (number);
  '_approximationDegrees'?: "approximationDegrees";
}
