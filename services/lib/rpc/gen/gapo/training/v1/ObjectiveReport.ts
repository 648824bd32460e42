// Original file: gapo/training/v1/run.proto


/**
 * One objective's part in a step.
 */
export interface ObjectiveReportInput {
  /**
   * The objective's name.
   */
  'name'?: (string);
  /**
   * Mean reward of the step's completions.
   */
  'rewardMean'?: (number | string);
  /**
   * Standard deviation of the rewards.
   */
  'rewardStd'?: (number | string);
  /**
   * The weight of its gradient in the update: d = Σ w_i g_i.
   */
  'weight'?: (number | string);
  /**
   * Its weight in the combination before rescaling, on the simplex.
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
   * Latency of its slowest Score call, in milliseconds.
   */
  'latencyMs'?: (number | string);
  /**
   * Completions without a score from it.
   */
  'failed'?: (number);
  /**
   * Its Lagrange multiplier; unset if the combination method has none.
   */
  'multiplier'?: (number | string);
  /**
   * With DPO: the share of its labelled pairs that the policy ranks as labelled, by the implicit-reward margin; ties count
   * half. Its rewards are then those margins. Unset with PPO.
   */
  'accuracy'?: (number | string);
  /**
   * Scores far from the mean of all before them; unset with DPO.
   */
  'outliers'?: (number);
  /**
   * The cosine between its gradient and each later objective's, by name; below 0 they conflict. Measured when the weights were chosen. No
   * entry if either gradient is zero.
   */
  'cosines'?: ({[key: string]: number | string});
  /**
   * What its scores, or what noise and threshold make of them, were multiplied by for training, while reward_mean and reward_std describe
   * the scores themselves. 1 if the configuration gives none; unset in reports of earlier releases.
   */
  'scale'?: (number | string);
  '_multiplier'?: "multiplier";
  '_accuracy'?: "accuracy";
  '_outliers'?: "outliers";
  '_scale'?: "scale";
}

/**
 * One objective's part in a step.
 */
export interface ObjectiveReport {
  /**
   * The objective's name.
   */
  'name': (string);
  /**
   * Mean reward of the step's completions.
   */
  'rewardMean': (number);
  /**
   * Standard deviation of the rewards.
   */
  'rewardStd': (number);
  /**
   * The weight of its gradient in the update: d = Σ w_i g_i.
   */
  'weight': (number);
  /**
   * Its weight in the combination before rescaling, on the simplex.
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
   * Latency of its slowest Score call, in milliseconds.
   */
  'latencyMs': (number);
  /**
   * Completions without a score from it.
   */
  'failed': (number);
  /**
   * Its Lagrange multiplier; unset if the combination method has none.
   */
  'multiplier'?: (number);
  /**
   * With DPO: the share of its labelled pairs that the policy ranks as labelled, by the implicit-reward margin; ties count
   * half. Its rewards are then those margins. Unset with PPO.
   */
  'accuracy'?: (number);
  /**
   * Scores far from the mean of all before them; unset with DPO.
   */
  'outliers'?: (number);
  /**
   * The cosine between its gradient and each later objective's, by name; below 0 they conflict. Measured when the weights were chosen. No
   * entry if either gradient is zero.
   */
  'cosines': ({[key: string]: number});
  /**
   * What its scores, or what noise and threshold make of them, were multiplied by for training, while reward_mean and reward_std describe
   * the scores themselves. 1 if the configuration gives none; unset in reports of earlier releases.
   */
  'scale'?: (number);
  '_multiplier'?: "multiplier";
  '_accuracy'?: "accuracy";
  '_outliers'?: "outliers";
  '_scale'?: "scale";
}
