// Original file: gapo/rollout/v1/rollout.proto

/**
 * Why a completion ended.
 */
export const FinishReason = {
  /**
   * Not set: always an error.
   */
  FINISH_REASON_UNSPECIFIED: 'FINISH_REASON_UNSPECIFIED',
  /**
   * The end-of-sequence token, which is the completion's last token.
   */
  FINISH_REASON_STOP: 'FINISH_REASON_STOP',
  /**
   * max_new_tokens, or the model's context, was reached without an end-of-sequence token.
   */
  FINISH_REASON_LENGTH: 'FINISH_REASON_LENGTH',
  /**
   * A stop string, which the completion's last token completes.
   */
  FINISH_REASON_STOP_STRING: 'FINISH_REASON_STOP_STRING',
} as const;

/**
 * Why a completion ended.
 */
export type FinishReasonInput =
  /**
   * Not set: always an error.
   */
  | 'FINISH_REASON_UNSPECIFIED'
  | 0
  /**
   * The end-of-sequence token, which is the completion's last token.
   */
  | 'FINISH_REASON_STOP'
  | 1
  /**
   * max_new_tokens, or the model's context, was reached without an end-of-sequence token.
   */
  | 'FINISH_REASON_LENGTH'
  | 2
  /**
   * A stop string, which the completion's last token completes.
   */
  | 'FINISH_REASON_STOP_STRING'
  | 3

/**
 * Why a completion ended.
 */
export type FinishReason = typeof FinishReason[keyof typeof FinishReason]
