/** Converts a run to its message. */
import { conditionOf, type RunConfig } from '@gapo/config';
import { isActive, type RecoveryInput, type RunInput, type StepReport } from '@gapo/rpc';
import type { CheckpointPlace } from '../state/checkpointPlaces.js';
import type { Goals } from '../state/goals.js';
import type { StopRequest } from './ending.js';
import type { RunRecord } from './runDirectory.js';
import { timestampOf } from './timestamp.js';

/** The parts of a run's message. */
export interface RunParts {
  readonly record: RunRecord;
  readonly config: RunConfig;
  readonly configSha256: string;
  /** The goals of the next step. */
  readonly goals: Goals;
  /** The report of the last step; undefined before the first. */
  readonly last: StepReport | undefined;
  /** The newest checkpoint; undefined without one. */
  readonly checkpoint: CheckpointPlace | undefined;
  /** SHA-256 (hex) of the newest version. */
  readonly versionSha256: string;
  /** Undefined unless the coordinator is going to resume the run. */
  readonly recovery: RecoveryInput | undefined;
  /** A user's request that takes effect after the step in progress. */
  readonly requested: StopRequest['transition'] | undefined;
}

/** Returns a run as a message. */
export function runMessage(parts: RunParts): RunInput {
  const { record, config, configSha256, goals, last, checkpoint, versionSha256, recovery, requested } = parts;
  const { id, state, reason, ingredients = {}, data = [] } = record;
  const stops = isActive(state) && requested !== undefined;
  return {
    id,
    state,
    reason: stops ? `${requested} requested: stops after the step in progress` : reason,
    step: last?.step ?? (record.ingredients ? config.steps : 0),
    totalSteps: config.steps,
    objectives: goals.objectives.map(({ name }) => name),
    method: config.combine.method,
    tags: config.tags ?? [],
    created: timestampOf(new Date(record.created)),
    configSha256,
    versionSha256,
    checkpoint: checkpoint?.directory ?? '',
    preference: goals.preference ?? {},
    preferenceLevels: conditionOf(config)?.levels ?? 0,
    ingredients,
    data,
    ...(recovery && { recovery }),
    ...(last && { lastStep: last, traceId: last.traceId }),
  };
}
