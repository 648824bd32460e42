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
   * Units of work of the phase that are done.
   */
  'done'?: (number);
  /**
   * Units of work of the phase in total.
   */
  'total'?: (number);
  /**
   * What the step is waiting for, such as "reward helpful"; empty where it is not waiting for long.
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
   * Units of work of the phase that are done.
   */
  'done': (number);
  /**
   * Units of work of the phase in total.
   */
  'total': (number);
  /**
   * What the step is waiting for, such as "reward helpful"; empty where it is not waiting for long.
   */
  'waitingFor': (string);
}
