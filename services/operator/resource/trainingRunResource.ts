/** The custom resource `TrainingRun`: its definition in the API server's format. */
import { runConfigJsonSchema } from '@gapo/config';
import { column, conditionsSchema, customResourceDefinition, integer, number, text, time } from './customResource.js';
import { trainingRuns } from './names.js';
import { structuralSchema, type StructuralSchema } from './structuralSchema.js';

/** Maximum number of objectives in a preference. It bounds the cost of the rules about it. */
const mostObjectives = 64;

const fixed = 'cannot change: delete the TrainingRun and create another, or use another name';

/** The schema of a configuration without its objectives, which the spec may have instead. */
function configSchema(): StructuralSchema {
  const schema = structuralSchema(runConfigJsonSchema());
  return {
    ...schema,
    required: (schema.required ?? []).filter((key) => key !== 'objectives'),
    description:
      'The run configuration, as in run.yaml (docs/configuration.md). It cannot change. `objectives` may be those of the spec instead.',
    'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: fixed, reason: 'FieldValueForbidden' }],
  };
}

/** @throws RangeError if configurations have no list of objectives */
function objectivesSchema(): StructuralSchema {
  const { items, ...list } = structuralSchema(runConfigJsonSchema()).properties?.['objectives'] ?? {};
  if (items === undefined) throw new RangeError('configurations have no objectives');
  return {
    ...list,
    description:
      'The objectives, in place of those of `config`. A change applies from the next step on, and nothing restarts. While they are set, they replace what `gapo objective` adds and removes.',
    maxItems: mostObjectives,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
    items: {
      ...items,
      properties: {
        ...items.properties,
        rewardService: {
          type: 'string',
          minLength: 1,
          maxLength: 63,
          description:
            "The RewardService that scores it, of the operator's release, in place of `service`. The run starts, and takes it in, when that is available.",
        },
      },
      'x-kubernetes-validations': [
        {
          rule: '!has(self.service) || !has(self.rewardService)',
          message: 'expected service or rewardService, not both',
          fieldPath: '.rewardService',
          reason: 'FieldValueForbidden',
        },
      ],
    },
  };
}

const specSchema: StructuralSchema = {
  type: 'object',
  description: 'What to train.',
  required: ['config'],
  properties: {
    config: configSchema(),
    objectives: objectivesSchema(),
    baseDirectory: {
      type: 'string',
      minLength: 1,
      maxLength: 4096,
      description:
        "Directory of the coordinator that the configuration's relative paths refer to. Default: that of the operator. It cannot change.",
    },
    suspend: {
      type: 'boolean',
      description:
        'Whether the run is paused after the step in progress. A run that is created suspended starts once this is false. Changing it from true to false resumes the run, a failed one too.',
    },
    preference: {
      type: 'object',
      maxProperties: mostObjectives,
      additionalProperties: { type: 'number', minimum: 0 },
      description:
        'The preference or weights, by objective, in place of those of `config.combine`. A change applies from the next step on. While it is set, it replaces what `gapo prefer` sets.',
      'x-kubernetes-validations': [
        {
          rule: 'size(self) == 0 || self.exists(name, self[name] > 0.0)',
          message: 'expected a number over 0 for one objective at least',
        },
      ],
    },
  },
  'x-kubernetes-validations': [
    {
      rule: 'has(self.baseDirectory) == has(oldSelf.baseDirectory) && (!has(self.baseDirectory) || self.baseDirectory == oldSelf.baseDirectory)',
      message: fixed,
      fieldPath: '.baseDirectory',
      reason: 'FieldValueForbidden',
    },
    {
      rule: 'has(self.objectives) || has(self.config.objectives)',
      message: 'expected the objectives, here or in config',
      fieldPath: '.objectives',
      reason: 'FieldValueRequired',
    },
  ],
};

const statusSchema: StructuralSchema = {
  type: 'object',
  description: 'The run, as the operator last saw it.',
  properties: {
    observedGeneration: integer('The generation of the resource that the status is of.'),
    runId: text("The run's id, for the command line and the page."),
    phase: {
      ...text('Pending until the coordinator has created the run.'),
      enum: ['Pending', 'Suspended', 'Starting', 'Running', 'Paused', 'Succeeded', 'Failed', 'Cancelled'],
    },
    message: text('Why it is in this phase; empty where that needs no explanation.'),
    step: integer('Steps taken.'),
    totalSteps: integer('Steps to take.'),
    progress: text('Both, such as 12/20.'),
    method: text('The combination method.'),
    objectives: {
      type: 'array',
      description: 'The latest step, by objective.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: {
        type: 'object',
        required: ['name'],
        properties: {
          name: text("The objective's name."),
          reward: number("Mean reward of the step's completions."),
          weight: number('Weight of its gradient in the update.'),
        },
      },
    },
    rewards: text('Mean rewards of the latest step, such as helpful 0.312, harmless 0.087.'),
    weights: text('Weights of the latest step, likewise.'),
    preference: {
      type: 'object',
      additionalProperties: { type: 'number' },
      description: 'The preference or weights of the next step.',
    },
    eta: text('Estimated time to the last step, such as 3m20s.'),
    etaSeconds: number('The same in seconds.'),
    configSha256: text('SHA-256 of the canonical configuration.'),
    objectivesSha256: text('SHA-256 of the objectives of the spec that the run has.'),
    versionSha256: text("SHA-256 of the newest version's tensors."),
    checkpoint: text("Directory of the newest checkpoint, on the coordinator's volume."),
    startTime: time('When the coordinator created the run.'),
    completionTime: time('When the operator saw that the run has ended.'),
    conditions: conditionsSchema(
      'Accepted, CoordinatorReachable, RewardServicesReady, ObjectivesApplied, PreferenceApplied, Suspended, Complete or Failed.',
    ),
  },
};

/** Returns the definition of TrainingRun. */
export function trainingRunDefinition(): object {
  return customResourceDefinition({
    names: trainingRuns,
    description: 'A training run of gapo: a language model that is aligned with several reward models at once.',
    columns: [
      column('Step', '.status.progress'),
      column('Phase', '.status.phase'),
      column('Rewards', '.status.rewards'),
      column('Weights', '.status.weights'),
      column('ETA', '.status.eta'),
      column('Age', '.metadata.creationTimestamp', { type: 'date' }),
      column('Run', '.status.runId', { priority: 1 }),
      column('Message', '.status.message', { priority: 1 }),
    ],
    spec: specSchema,
    status: statusSchema,
  });
}
