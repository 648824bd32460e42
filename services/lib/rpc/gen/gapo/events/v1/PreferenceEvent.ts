// Original file: gapo/events/v1/events.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Data of `preference`: the run's preference or weights were changed.
 */
export interface PreferenceEventInput {
  /**
   * The first step that uses the new preference.
   */
  'step'?: (number | string | Long);
  /**
   * Who changed it.
   */
  'author'?: (string);
  /**
   * The preference or weights before the change, by objective.
   */
  'before'?: ({[key: string]: number | string});
  /**
   * The preference or weights after the change, by objective, as they were given.
   */
  'after'?: ({[key: string]: number | string});
}

/**
 * Data of `preference`: the run's preference or weights were changed.
 */
export interface PreferenceEvent {
  /**
   * The first step that uses the new preference.
   */
  'step': (number);
  /**
   * Who changed it.
   */
  'author': (string);
  /**
   * The preference or weights before the change, by objective.
   */
  'before': ({[key: string]: number});
  /**
   * The preference or weights after the change, by objective, as they were given.
   */
  'after': ({[key: string]: number});
}
