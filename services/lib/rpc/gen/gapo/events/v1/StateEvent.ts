// Original file: gapo/events/v1/events.proto


/**
 * Data of `state`: a run changed state.
 */
export interface StateEventInput {
  /**
   * The state before, as RUN_STATE_RUNNING.
   */
  'from'?: (string);
  /**
   * The state now.
   */
  'to'?: (string);
  /**
   * Why, where that needs saying.
   */
  'reason'?: (string);
}

/**
 * Data of `state`: a run changed state.
 */
export interface StateEvent {
  /**
   * The state before, as RUN_STATE_RUNNING.
   */
  'from': (string);
  /**
   * The state now.
   */
  'to': (string);
  /**
   * Why, where that needs saying.
   */
  'reason': (string);
}
