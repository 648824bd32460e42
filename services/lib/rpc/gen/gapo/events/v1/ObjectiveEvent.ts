// Original file: gapo/events/v1/events.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Data of `objective`: objectives were added to the run or removed from it.
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
   * The names of the objectives that were added.
   */
  'added'?: (string)[];
  /**
   * The names of the objectives that were removed.
   */
  'removed'?: (string)[];
  /**
   * The names of all objectives from that step on, in order.
   */
  'objectives'?: (string)[];
  /**
   * The preference or weights from that step on, by objective; empty if the combination method takes none.
   */
  'preference'?: ({[key: string]: number | string});
}

/**
 * Data of `objective`: objectives were added to the run or removed from it.
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
   * The names of the objectives that were added.
   */
  'added': (string)[];
  /**
   * The names of the objectives that were removed.
   */
  'removed': (string)[];
  /**
   * The names of all objectives from that step on, in order.
   */
  'objectives': (string)[];
  /**
   * The preference or weights from that step on, by objective; empty if the combination method takes none.
   */
  'preference': ({[key: string]: number});
}
