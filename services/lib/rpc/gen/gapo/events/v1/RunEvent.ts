// Original file: gapo/events/v1/events.proto

import type { StateEventInput as _gapo_events_v1_StateEventInput, StateEvent as _gapo_events_v1_StateEvent } from '../../../gapo/events/v1/StateEvent.js';
import type { StepReportInput as _gapo_training_v1_StepReportInput, StepReport as _gapo_training_v1_StepReport } from '../../../gapo/training/v1/StepReport.js';
import type { ShardEventInput as _gapo_events_v1_ShardEventInput, ShardEvent as _gapo_events_v1_ShardEvent } from '../../../gapo/events/v1/ShardEvent.js';
import type { RewardEventInput as _gapo_events_v1_RewardEventInput, RewardEvent as _gapo_events_v1_RewardEvent } from '../../../gapo/events/v1/RewardEvent.js';
import type { CheckpointEventInput as _gapo_events_v1_CheckpointEventInput, CheckpointEvent as _gapo_events_v1_CheckpointEvent } from '../../../gapo/events/v1/CheckpointEvent.js';
import type { PreferenceEventInput as _gapo_events_v1_PreferenceEventInput, PreferenceEvent as _gapo_events_v1_PreferenceEvent } from '../../../gapo/events/v1/PreferenceEvent.js';
import type { ObjectiveEventInput as _gapo_events_v1_ObjectiveEventInput, ObjectiveEvent as _gapo_events_v1_ObjectiveEvent } from '../../../gapo/events/v1/ObjectiveEvent.js';
import type { ProgressInput as _gapo_training_v1_ProgressInput, Progress as _gapo_training_v1_Progress } from '../../../gapo/training/v1/Progress.js';

/**
 * Every kind of event. The name of a field is the kind, the last word of an event's subject and type; its message is the
 * event's data.
 */
export interface RunEventInput {
  /**
   * The run changed state.
   */
  'state'?: (_gapo_events_v1_StateEventInput | null);
  /**
   * A step was taken.
   */
  'step'?: (_gapo_training_v1_StepReportInput | null);
  /**
   * A rollout worker sampled a shard.
   */
  'rollout'?: (_gapo_events_v1_ShardEventInput | null);
  /**
   * A reward service scored a step's completions.
   */
  'reward'?: (_gapo_events_v1_RewardEventInput | null);
  /**
   * A gradient worker computed a shard's gradients.
   */
  'gradient'?: (_gapo_events_v1_ShardEventInput | null);
  /**
   * A checkpoint was written.
   */
  'checkpoint'?: (_gapo_events_v1_CheckpointEventInput | null);
  /**
   * The preference was changed.
   */
  'preference'?: (_gapo_events_v1_PreferenceEventInput | null);
  /**
   * Objectives were added or removed.
   */
  'objective'?: (_gapo_events_v1_ObjectiveEventInput | null);
  /**
   * Progress within a step. Only the gateway sends it, to pages that watch a run without NATS.
   */
  'progress'?: (_gapo_training_v1_ProgressInput | null);
  /**
   * The event.
   */
  'event'?: "state"|"step"|"rollout"|"reward"|"gradient"|"checkpoint"|"preference"|"objective"|"progress";
}

/**
 * Every kind of event. The name of a field is the kind, the last word of an event's subject and type; its message is the
 * event's data.
 */
export interface RunEvent {
  /**
   * The run changed state.
   */
  'state'?: (_gapo_events_v1_StateEvent | null);
  /**
   * A step was taken.
   */
  'step'?: (_gapo_training_v1_StepReport | null);
  /**
   * A rollout worker sampled a shard.
   */
  'rollout'?: (_gapo_events_v1_ShardEvent | null);
  /**
   * A reward service scored a step's completions.
   */
  'reward'?: (_gapo_events_v1_RewardEvent | null);
  /**
   * A gradient worker computed a shard's gradients.
   */
  'gradient'?: (_gapo_events_v1_ShardEvent | null);
  /**
   * A checkpoint was written.
   */
  'checkpoint'?: (_gapo_events_v1_CheckpointEvent | null);
  /**
   * The preference was changed.
   */
  'preference'?: (_gapo_events_v1_PreferenceEvent | null);
  /**
   * Objectives were added or removed.
   */
  'objective'?: (_gapo_events_v1_ObjectiveEvent | null);
  /**
   * Progress within a step. Only the gateway sends it, to pages that watch a run without NATS.
   */
  'progress'?: (_gapo_training_v1_Progress | null);
  /**
   * The event.
   */
  'event'?: "state"|"step"|"rollout"|"reward"|"gradient"|"checkpoint"|"preference"|"objective"|"progress";
}
