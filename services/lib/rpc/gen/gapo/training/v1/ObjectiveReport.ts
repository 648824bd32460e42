// Original file: gapo/training/v1/training.proto


/**
 * What one objective did in a step.
 */
export interface ObjectiveReportInput {
  /**
   * The objective's name.
   */
  'name'?: (string);
  /**
   * The mean reward of the step's completions.
   */
  'rewardMean'?: (number | string);
  /**
   * The rewards' standard deviation.
   */
  'rewardStd'?: (number | string);
  /**
   * The weight of its gradient in the update: d = Σ w_i g_i.
   */
  'weight'?: (number | string);
  /**
   * Its share of the combination before rescaling, on the simplex.
   */
  'alpha'?: (number | string);
  /**
   * The norm of its gradient.
   */
  'gradientNorm'?: (number | string);
  /**
   * First-order progress ⟨g_i, d⟩ of the update before the optimiser.
   */
  'progress'?: (number | string);
  /**
   * Milliseconds its slowest Score call took.
   */
  'latencyMs'?: (number | string);
  /**
   * Completions that it could not score in this step.
   */
  'failed'?: (number);
  /**
   * Its Lagrange multiplier, where the method has them.
   */
  'multiplier'?: (number | string);
  /**
   * With preference pairs: the share of its labelled pairs that the policy ranks as labelled, compared with its start;
   * its rewards are then the implicit-reward margins of those pairs.
   */
  'accuracy'?: (number | string);
  '_multiplier'?: "multiplier";
  '_accuracy'?: "accuracy";
}

/**
 * What one objective did in a step.
 */
export interface ObjectiveReport {
  /**
   * The objective's name.
   */
  'name': (string);
  /**
   * The mean reward of the step's completions.
   */
  'rewardMean': (number);
  /**
   * The rewards' standard deviation.
   */
  'rewardStd': (number);
  /**
   * The weight of its gradient in the update: d = Σ w_i g_i.
   */
  'weight': (number);
  /**
   * Its share of the combination before rescaling, on the simplex.
   */
  'alpha': (number);
  /**
   * The norm of its gradient.
   */
  'gradientNorm': (number);
  /**
   * First-order progress ⟨g_i, d⟩ of the update before the optimiser.
   */
  'progress': (number);
  /**
   * Milliseconds its slowest Score call took.
   */
  'latencyMs': (number);
  /**
   * Completions that it could not score in this step.
   */
  'failed': (number);
  /**
   * Its Lagrange multiplier, where the method has them.
   */
  'multiplier'?: (number);
  /**
   * With preference pairs: the share of its labelled pairs that the policy ranks as labelled, compared with its start;
   * its rewards are then the implicit-reward margins of those pairs.
   */
  'accuracy'?: (number);
  '_multiplier'?: "multiplier";
  '_accuracy'?: "accuracy";
}
