// Original file: gapo/training/v1/evaluation.proto


/**
 * A mean with its 95 % bootstrap interval.
 */
export interface IntervalInput {
  /**
   * The mean.
   */
  'mean'?: (number | string);
  /**
   * The interval's lower end.
   */
  'low'?: (number | string);
  /**
   * The interval's upper end.
   */
  'high'?: (number | string);
}

/**
 * A mean with its 95 % bootstrap interval.
 */
export interface Interval {
  /**
   * The mean.
   */
  'mean': (number);
  /**
   * The interval's lower end.
   */
  'low': (number);
  /**
   * The interval's upper end.
   */
  'high': (number);
}
