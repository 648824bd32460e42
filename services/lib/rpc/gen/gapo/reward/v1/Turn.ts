// Original file: gapo/reward/v1/reward.proto


/**
 * A message of a conversation.
 */
export interface TurnInput {
  /**
   * Who speaks, such as system, user or assistant.
   */
  'role'?: (string);
  /**
   * What is said, without special tokens.
   */
  'content'?: (string);
}

/**
 * A message of a conversation.
 */
export interface Turn {
  /**
   * Who speaks, such as system, user or assistant.
   */
  'role': (string);
  /**
   * What is said, without special tokens.
   */
  'content': (string);
}
