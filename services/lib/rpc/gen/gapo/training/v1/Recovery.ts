// Original file: gapo/training/v1/run.proto

import type { TimestampInput as _google_protobuf_TimestampInput, Timestamp as _google_protobuf_Timestamp } from '../../../google/protobuf/Timestamp.js';

/**
 * How the coordinator resumes a paused run automatically.
 */
export interface RecoveryInput {
  /**
   * What the run waits for, such as "reward harmless at 127.0.0.1:50062", or "the coordinator" while it is stopping or starting.
   */
  'waitingFor'?: (string);
  /**
   * Why the last check found that the wait is not over, such as "connection refused"; empty before the first check.
   */
  'problem'?: (string);
  /**
   * When the next check is due; unset during a check, and while the coordinator is stopping or starting.
   */
  'nextCheck'?: (_google_protobuf_TimestampInput | null);
  /**
   * How many times the coordinator has resumed the run at this step.
   */
  'attempts'?: (number);
  /**
   * How many times it may.
   */
  'maxAttempts'?: (number);
}

/**
 * How the coordinator resumes a paused run automatically.
 */
export interface Recovery {
  /**
   * What the run waits for, such as "reward harmless at 127.0.0.1:50062", or "the coordinator" while it is stopping or starting.
   */
  'waitingFor': (string);
  /**
   * Why the last check found that the wait is not over, such as "connection refused"; empty before the first check.
   */
  'problem': (string);
  /**
   * When the next check is due; unset during a check, and while the coordinator is stopping or starting.
   */
  'nextCheck': (_google_protobuf_Timestamp | null);
  /**
   * How many times the coordinator has resumed the run at this step.
   */
  'attempts': (number);
  /**
   * How many times it may.
   */
  'maxAttempts': (number);
}
