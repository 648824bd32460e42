// Original file: gapo/policy/v1/policy.proto


/**
 * A module whose adapter has its own rank or alpha.
 */
export interface LoraExceptionInput {
  /**
   * The module's full name, for example model.layers.0.self_attn.q_proj.
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
 * A module whose adapter has its own rank or alpha.
 */
export interface LoraException {
  /**
   * The module's full name, for example model.layers.0.self_attn.q_proj.
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
