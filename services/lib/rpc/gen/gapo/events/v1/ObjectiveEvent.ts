// Original file: gapo/events/v1/events.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Data of `objective`: somebody added objectives to a run, or removed some.
 */
export interface ObjectiveEventInput {
  /**
   * The first step with the new objectives.
   */
  'step'?: (number | string | Long);
  /**
   * Who changed them.
   */
  'author'?: (string);
  /**
   * The names of those that were added.
   */
  'added'?: (string)[];
  /**
   * The names of those that were removed.
   */
  'removed'?: (string)[];
  /**
   * The names of all objectives from the step on, in order.
   */
  'objectives'?: (string)[];
  /**
   * The preference from the step on, by objective; empty where the combination method takes none.
   */
  'preference'?: ({[key: string]: number | string});
}

/**
 * Data of `objective`: somebody added objectives to a run, or removed some.
 */
export interface ObjectiveEvent {
  /**
   * The first step with the new objectives.
   */
  'step': (number);
  /**
   * Who changed them.
   */
  'author': (string);
  /**
   * The names of those that were added.
   */
  'added': (string)[];
  /**
   * The names of those that were removed.
   */
  'removed': (string)[];
  /**
   * The names of all objectives from the step on, in order.
   */
  'objectives': (string)[];
  /**
   * The preference from the step on, by objective; empty where the combination method takes none.
   */
  'preference': ({[key: string]: number});
}
