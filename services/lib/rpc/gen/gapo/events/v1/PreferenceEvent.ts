// Original file: gapo/events/v1/events.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Data of `preference`: somebody changed a run's preference.
 */
export interface PreferenceEventInput {
  /**
   * The first step that uses it.
   */
  'step'?: (number | string | Long);
  /**
   * Who changed it.
   */
  'author'?: (string);
  /**
   * The preference before, by objective.
   */
  'before'?: ({[key: string]: number | string});
  /**
   * The preference after, by objective.
   */
  'after'?: ({[key: string]: number | string});
}

/**
 * Data of `preference`: somebody changed a run's preference.
 */
export interface PreferenceEvent {
  /**
   * The first step that uses it.
   */
  'step': (number);
  /**
   * Who changed it.
   */
  'author': (string);
  /**
   * The preference before, by objective.
   */
  'before': ({[key: string]: number});
  /**
   * The preference after, by objective.
   */
  'after': ({[key: string]: number});
}
