// Original file: gapo/reward/v1/reward.proto

/**
 * What an item carries.
 */
export const InputKind = {
  /**
   * Not set: read as TEXT.
   */
  INPUT_KIND_UNSPECIFIED: 'INPUT_KIND_UNSPECIFIED',
  /**
   * Text; the service does its own tokenisation.
   */
  INPUT_KIND_TEXT: 'INPUT_KIND_TEXT',
} as const;

/**
 * What an item carries.
 */
export type InputKindInput =
  /**
   * Not set: read as TEXT.
   */
  | 'INPUT_KIND_UNSPECIFIED'
  | 0
  /**
   * Text; the service does its own tokenisation.
   */
  | 'INPUT_KIND_TEXT'
  | 1

/**
 * What an item carries.
 */
export type InputKind = typeof InputKind[keyof typeof InputKind]
