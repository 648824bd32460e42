// Original file: gapo/events/v1/events.proto


/**
 * Data of `state`: a run changed state.
 */
export interface StateEventInput {
  /**
   * The state before the change, as the name of a gapo.training.v1.RunState: RUN_STATE_RUNNING.
   */
  'from'?: (string);
  /**
   * The state after the change.
   */
  'to'?: (string);
  /**
   * Why the state changed; empty if it needs no explanation.
   */
  'reason'?: (string);
}

/**
 * Data of `state`: a run changed state.
 */
export interface StateEvent {
  /**
   * The state before the change, as the name of a gapo.training.v1.RunState: RUN_STATE_RUNNING.
   */
  'from': (string);
  /**
   * The state after the change.
   */
  'to': (string);
  /**
   * Why the state changed; empty if it needs no explanation.
   */
  'reason': (string);
}
