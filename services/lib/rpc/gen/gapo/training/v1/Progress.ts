// Original file: gapo/training/v1/run.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Progress within a step or an evaluation.
 */
export interface ProgressInput {
  /**
   * The step in progress.
   */
  'step'?: (number | string | Long);
  /**
   * The phase: sampling, rewards, gradients, combination or checkpoint.
   */
  'phase'?: (string);
  /**
   * Units of work done in the phase.
   */
  'done'?: (number);
  /**
   * Total units of work in the phase.
   */
  'total'?: (number);
  /**
   * What the step is waiting for, such as "reward helpful"; empty if it is not waiting for long.
   */
  'waitingFor'?: (string);
}

/**
 * Progress within a step or an evaluation.
 */
export interface Progress {
  /**
   * The step in progress.
   */
  'step': (number);
  /**
   * The phase: sampling, rewards, gradients, combination or checkpoint.
   */
  'phase': (string);
  /**
   * Units of work done in the phase.
   */
  'done': (number);
  /**
   * Total units of work in the phase.
   */
  'total': (number);
  /**
   * What the step is waiting for, such as "reward helpful"; empty if it is not waiting for long.
   */
  'waitingFor': (string);
}
