// Original file: gapo/reward/v1/reward.proto

/**
 * The form of the text of an item.
 */
export const TextForm = {
  /**
   * Not set: read as CLEAN.
   */
  TEXT_FORM_UNSPECIFIED: 'TEXT_FORM_UNSPECIFIED',
  /**
   * Without special tokens: the prompt as people wrote it, and the completion as people read it.
   */
  TEXT_FORM_CLEAN: 'TEXT_FORM_CLEAN',
  /**
   * Exactly what the policy read and wrote, special tokens and chat template included: the prompt followed by the completion is the whole
   * sequence.
   */
  TEXT_FORM_RAW: 'TEXT_FORM_RAW',
} as const;

/**
 * The form of the text of an item.
 */
export type TextFormInput =
  /**
   * Not set: read as CLEAN.
   */
  | 'TEXT_FORM_UNSPECIFIED'
  | 0
  /**
   * Without special tokens: the prompt as people wrote it, and the completion as people read it.
   */
  | 'TEXT_FORM_CLEAN'
  | 1
  /**
   * Exactly what the policy read and wrote, special tokens and chat template included: the prompt followed by the completion is the whole
   * sequence.
   */
  | 'TEXT_FORM_RAW'
  | 2

/**
 * The form of the text of an item.
 */
export type TextForm = typeof TextForm[keyof typeof TextForm]
