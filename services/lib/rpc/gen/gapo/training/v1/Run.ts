// Original file: gapo/training/v1/training.proto

import type { RunStateInput as _gapo_training_v1_RunStateInput, RunState as _gapo_training_v1_RunState } from '../../../gapo/training/v1/RunState.js';
import type { TimestampInput as _google_protobuf_TimestampInput, Timestamp as _google_protobuf_Timestamp } from '../../../google/protobuf/Timestamp.js';
import type { StepReportInput as _gapo_training_v1_StepReportInput, StepReport as _gapo_training_v1_StepReport } from '../../../gapo/training/v1/StepReport.js';
import type { Long } from '@grpc/proto-loader';

/**
 * A run.
 */
export interface RunInput {
  /**
   * Chosen by the caller or made by the coordinator; a file-name-safe word.
   */
  'id'?: (string);
  /**
   * Where the run is in its life.
   */
  'state'?: (_gapo_training_v1_RunStateInput);
  /**
   * Why it is in this state, where that needs saying.
   */
  'reason'?: (string);
  /**
   * Steps taken.
   */
  'step'?: (number | string | Long);
  /**
   * Steps to take.
   */
  'totalSteps'?: (number | string | Long);
  /**
   * The names of the objectives in force, in order.
   */
  'objectives'?: (string)[];
  /**
   * The combination method, as gapo.
   */
  'method'?: (string);
  /**
   * When the run was created.
   */
  'created'?: (_google_protobuf_TimestampInput | null);
  /**
   * SHA-256 (hex) of the canonical configuration.
   */
  'configSha256'?: (string);
  /**
   * SHA-256 (hex) of the newest version's tensors.
   */
  'versionSha256'?: (string);
  /**
   * The directory of the newest checkpoint.
   */
  'checkpoint'?: (string);
  /**
   * The latest step, where one was taken.
   */
  'lastStep'?: (_gapo_training_v1_StepReportInput | null);
  /**
   * The trace id (hex) of the latest step.
   */
  'traceId'?: (string);
  /**
   * The preference or weights in force, by objective; empty where the combination method takes none.
   */
  'preference'?: ({[key: string]: number | string});
  /**
   * The runs that it is an average of, by id, with their weights; empty for a run that was trained.
   */
  'ingredients'?: ({[key: string]: number | string});
}

/**
 * A run.
 */
export interface Run {
  /**
   * Chosen by the caller or made by the coordinator; a file-name-safe word.
   */
  'id': (string);
  /**
   * Where the run is in its life.
   */
  'state': (_gapo_training_v1_RunState);
  /**
   * Why it is in this state, where that needs saying.
   */
  'reason': (string);
  /**
   * Steps taken.
   */
  'step': (number);
  /**
   * Steps to take.
   */
  'totalSteps': (number);
  /**
   * The names of the objectives in force, in order.
   */
  'objectives': (string)[];
  /**
   * The combination method, as gapo.
   */
  'method': (string);
  /**
   * When the run was created.
   */
  'created': (_google_protobuf_Timestamp | null);
  /**
   * SHA-256 (hex) of the canonical configuration.
   */
  'configSha256': (string);
  /**
   * SHA-256 (hex) of the newest version's tensors.
   */
  'versionSha256': (string);
  /**
   * The directory of the newest checkpoint.
   */
  'checkpoint': (string);
  /**
   * The latest step, where one was taken.
   */
  'lastStep': (_gapo_training_v1_StepReport | null);
  /**
   * The trace id (hex) of the latest step.
   */
  'traceId': (string);
  /**
   * The preference or weights in force, by objective; empty where the combination method takes none.
   */
  'preference': ({[key: string]: number});
  /**
   * The runs that it is an average of, by id, with their weights; empty for a run that was trained.
   */
  'ingredients': ({[key: string]: number});
}
