/** A TrainingRun as received from the API server, validated on entry. */
import { objective } from '@gapo/config';
import { z } from '@gapo/service';
import { conditionSchemaOf, metadata } from './metadata.js';

const conditionTypes = [
  'Accepted',
  'CoordinatorReachable',
  'RewardServicesReady',
  'ObjectivesApplied',
  'PreferenceApplied',
  'Suspended',
  'Complete',
  'Failed',
] as const;

/** What a condition is about. */
export type ConditionType = (typeof conditionTypes)[number];

const condition = conditionSchemaOf(conditionTypes);

/** A condition of a run. */
export type Condition = z.output<typeof condition>;

const phases = ['Pending', 'Suspended', 'Starting', 'Running', 'Paused', 'Succeeded', 'Failed', 'Cancelled'] as const;

/** The phase of a run, in one word. */
export type Phase = (typeof phases)[number];

const status = z.object({
  observedGeneration: z.int().optional(),
  runId: z.string().optional(),
  phase: z.enum(phases).optional(),
  message: z.string().optional(),
  step: z.int().optional(),
  totalSteps: z.int().optional(),
  progress: z.string().optional(),
  method: z.string().optional(),
  objectives: z
    .array(z.object({ name: z.string(), reward: z.number().optional(), weight: z.number().optional() }))
    .optional(),
  rewards: z.string().optional(),
  weights: z.string().optional(),
  preference: z.record(z.string(), z.number()).optional(),
  eta: z.string().optional(),
  etaSeconds: z.number().optional(),
  configSha256: z.string().optional(),
  objectivesSha256: z.string().optional(),
  versionSha256: z.string().optional(),
  checkpoint: z.string().optional(),
  startTime: z.string().optional(),
  completionTime: z.string().optional(),
  conditions: z.array(condition).optional(),
});

/** The run as last observed by the operator. */
export type Status = z.output<typeof status>;

/** An objective, which may name a RewardService instead of an address. */
const runObjective = objective.extend({
  rewardService: z
    .string()
    .min(1)
    .max(63)
    .optional()
    .describe('The RewardService that scores it, in place of `service`.'),
});

/** See {@link runObjective}. */
export type RunObjective = z.output<typeof runObjective>;

const spec = z.object({
  config: z.record(z.string(), z.unknown()),
  objectives: z.array(runObjective).optional(),
  baseDirectory: z.string().optional(),
  suspend: z.boolean().optional(),
  preference: z.record(z.string(), z.number()).optional(),
});

/** What to train. */
export type Spec = z.output<typeof spec>;

/** A TrainingRun. */
export const trainingRun = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata,
  spec,
  status: status.optional(),
});

/** See {@link trainingRun}. */
export type TrainingRun = z.output<typeof trainingRun>;

/** Returns a condition of a status; undefined if it has not been set. */
export function conditionOf(status: Status | undefined, type: ConditionType): Condition | undefined {
  return status?.conditions?.find((one) => one.type === type);
}

/** Whether a condition of a status is true. */
export function holds(status: Status | undefined, type: ConditionType): boolean {
  return conditionOf(status, type)?.status === 'True';
}
