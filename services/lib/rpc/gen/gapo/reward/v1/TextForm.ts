// Original file: gapo/reward/v1/reward.proto

/**
 * The form of an item's text.
 */
export const TextForm = {
  /**
   * Not set: read as CLEAN.
   */
  TEXT_FORM_UNSPECIFIED: 'TEXT_FORM_UNSPECIFIED',
  /**
   * Without special tokens: the prompt as a person wrote it, and the completion as a person reads it.
   */
  TEXT_FORM_CLEAN: 'TEXT_FORM_CLEAN',
  /**
   * Exactly what the policy read and wrote, including special tokens and chat template: the prompt followed by the completion is the whole
   * sequence.
   */
  TEXT_FORM_RAW: 'TEXT_FORM_RAW',
} as const;

/**
 * The form of an item's text.
 */
export type TextFormInput =
  /**
   * Not set: read as CLEAN.
   */
  | 'TEXT_FORM_UNSPECIFIED'
  | 0
  /**
   * Without special tokens: the prompt as a person wrote it, and the completion as a person reads it.
   */
  | 'TEXT_FORM_CLEAN'
  | 1
  /**
   * Exactly what the policy read and wrote, including special tokens and chat template: the prompt followed by the completion is the whole
   * sequence.
   */
  | 'TEXT_FORM_RAW'
  | 2

/**
 * The form of an item's text.
 */
export type TextForm = typeof TextForm[keyof typeof TextForm]
