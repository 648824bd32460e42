// Original file: gapo/policy/v1/policy.proto

import type { PolicySpecInput as _gapo_policy_v1_PolicySpecInput, PolicySpec as _gapo_policy_v1_PolicySpec } from '../../../gapo/policy/v1/PolicySpec.js';
import type { Long } from '@grpc/proto-loader';

/**
 * One version of a run's policy. Workers keep versions by this key.
 */
export interface PolicyRefInput {
  /**
   * The run that owns the version.
   */
  'runId'?: (string);
  /**
   * 0 is the untrained start (the reference policy); step n leaves version n.
   */
  'version'?: (number | string | Long);
  /**
   * The frozen model, and what is trained.
   */
  'spec'?: (_gapo_policy_v1_PolicySpecInput | null);
}

/**
 * One version of a run's policy. Workers keep versions by this key.
 */
export interface PolicyRef {
  /**
   * The run that owns the version.
   */
  'runId': (string);
  /**
   * 0 is the untrained start (the reference policy); step n leaves version n.
   */
  'version': (number);
  /**
   * The frozen model, and what is trained.
   */
  'spec': (_gapo_policy_v1_PolicySpec | null);
}
