// Original file: gapo/training/v1/run.proto

import type { TimestampInput as _google_protobuf_TimestampInput, Timestamp as _google_protobuf_Timestamp } from '../../../google/protobuf/Timestamp.js';

/**
 * How the coordinator continues a paused run by itself.
 */
export interface RecoveryInput {
  /**
   * What the run waits for, such as "reward harmless at 127.0.0.1:50062", or "the coordinator" where it is stopping or starting.
   */
  'waitingFor'?: (string);
  /**
   * Why the last check found that the wait is not over, such as "connection refused"; empty before the first check.
   */
  'problem'?: (string);
  /**
   * When the next check is made; unset while one is in progress, and where the coordinator is stopping or starting.
   */
  'nextCheck'?: (_google_protobuf_TimestampInput | null);
  /**
   * Times that the coordinator has resumed the run at this step.
   */
  'attempts'?: (number);
  /**
   * Times that it may.
   */
  'maxAttempts'?: (number);
}

/**
 * How the coordinator continues a paused run by itself.
 */
export interface Recovery {
  /**
   * What the run waits for, such as "reward harmless at 127.0.0.1:50062", or "the coordinator" where it is stopping or starting.
   */
  'waitingFor': (string);
  /**
   * Why the last check found that the wait is not over, such as "connection refused"; empty before the first check.
   */
  'problem': (string);
  /**
   * When the next check is made; unset while one is in progress, and where the coordinator is stopping or starting.
   */
  'nextCheck': (_google_protobuf_Timestamp | null);
  /**
   * Times that the coordinator has resumed the run at this step.
   */
  'attempts': (number);
  /**
   * Times that it may.
   */
  'maxAttempts': (number);
}
