// Original file: gapo/training/v1/samples.proto

/**
 * The order of completions.
 */
export const SampleOrder = {
  /**
   * Not set: as they were sampled, by step, prompt and sample.
   */
  SAMPLE_ORDER_UNSPECIFIED: 'SAMPLE_ORDER_UNSPECIFIED',
  /**
   * The lowest score of one objective first; those without a score last.
   */
  SAMPLE_ORDER_WORST: 'SAMPLE_ORDER_WORST',
  /**
   * The largest conflict first: the smaller one of the largest advantage and the negative of the smallest advantage, over the objectives.
   * Completions without a conflict are left out.
   */
  SAMPLE_ORDER_CONFLICT: 'SAMPLE_ORDER_CONFLICT',
  /**
   * The most tokens first.
   */
  SAMPLE_ORDER_LONGEST: 'SAMPLE_ORDER_LONGEST',
} as const;

/**
 * The order of completions.
 */
export type SampleOrderInput =
  /**
   * Not set: as they were sampled, by step, prompt and sample.
   */
  | 'SAMPLE_ORDER_UNSPECIFIED'
  | 0
  /**
   * The lowest score of one objective first; those without a score last.
   */
  | 'SAMPLE_ORDER_WORST'
  | 1
  /**
   * The largest conflict first: the smaller one of the largest advantage and the negative of the smallest advantage, over the objectives.
   * Completions without a conflict are left out.
   */
  | 'SAMPLE_ORDER_CONFLICT'
  | 2
  /**
   * The most tokens first.
   */
  | 'SAMPLE_ORDER_LONGEST'
  | 3

/**
 * The order of completions.
 */
export type SampleOrder = typeof SampleOrder[keyof typeof SampleOrder]
