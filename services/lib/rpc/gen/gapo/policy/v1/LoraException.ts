// Original file: gapo/policy/v1/policy.proto


/**
 * A module whose adapter has a rank or alpha of its own.
 */
export interface LoraExceptionInput {
  /**
   * The module's whole name, for example model.layers.0.self_attn.q_proj.
   */
  'module'?: (string);
  /**
   * Its rank.
   */
  'rank'?: (number);
  /**
   * Its alpha.
   */
  'alpha'?: (number | string);
}

/**
 * A module whose adapter has a rank or alpha of its own.
 */
export interface LoraException {
  /**
   * The module's whole name, for example model.layers.0.self_attn.q_proj.
   */
  'module': (string);
  /**
   * Its rank.
   */
  'rank': (number);
  /**
   * Its alpha.
   */
  'alpha': (number);
}
