// Original file: gapo/training/v1/training.proto

import type { Long } from '@grpc/proto-loader';

/**
 * What a run is doing within a step.
 */
export interface ProgressInput {
  /**
   * The step in progress.
   */
  'step'?: (number | string | Long);
  /**
   * sampling, rewards, gradients, combination or checkpoint.
   */
  'phase'?: (string);
  /**
   * Pieces of the phase that are done.
   */
  'done'?: (number);
  /**
   * Pieces of the phase.
   */
  'total'?: (number);
  /**
   * Who is being waited for, as "reward helpful", where that is worth saying.
   */
  'waitingFor'?: (string);
}

/**
 * What a run is doing within a step.
 */
export interface Progress {
  /**
   * The step in progress.
   */
  'step': (number);
  /**
   * sampling, rewards, gradients, combination or checkpoint.
   */
  'phase': (string);
  /**
   * Pieces of the phase that are done.
   */
  'done': (number);
  /**
   * Pieces of the phase.
   */
  'total': (number);
  /**
   * Who is being waited for, as "reward helpful", where that is worth saying.
   */
  'waitingFor': (string);
}
