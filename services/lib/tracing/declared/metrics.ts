/** Every metric. A name is never changed in place: add the new one, and keep the old one for a release. */
import type { AttributeKey } from './attributes.js';

/** A declared metric. */
export interface MetricDeclaration {
  readonly name: string;
  readonly instrument: 'counter' | 'histogram' | 'gauge';
  /** In the notation of UCUM, as OpenTelemetry requires. */
  readonly unit: string;
  /** The services that report it; `all` for every one. */
  readonly by: readonly string[];
  readonly description: string;
  readonly attributes: readonly AttributeKey[];
  /** Upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[];
}

/** Returns the name of a metric in Prometheus. */
export function prometheusName({ name, instrument }: Pick<MetricDeclaration, 'name' | 'instrument'>): string {
  return `${name.replaceAll('.', '_')}${instrument === 'counter' ? '_total' : ''}`;
}

/** Buckets of calls: those of the conventions, and further ones for the shards of large models. */
const callSeconds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120, 300, 600];

/** Buckets of steps and their phases. */
const stepSeconds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640, 1280];

/** Metrics of training and of services, which live as long as the process. */
const lasting = {
  loopDuration: {
    name: 'rl.loop.duration',
    instrument: 'histogram',
    unit: 's',
    by: ['coordinator'],
    description: 'Wall time of a training step.',
    attributes: ['algorithm'],
    buckets: stepSeconds,
  },
  sampleDuration: {
    name: 'rl.sample.duration',
    instrument: 'histogram',
    unit: 's',
    by: ['coordinator'],
    description: 'Time that a step waits for completions.',
    attributes: ['algorithm'],
    buckets: stepSeconds,
  },
  rewardDuration: {
    name: 'rl.reward.duration',
    instrument: 'histogram',
    unit: 's',
    by: ['coordinator'],
    description: 'Time that a step waits for scores.',
    attributes: ['algorithm'],
    buckets: stepSeconds,
  },
  trainDuration: {
    name: 'rl.train.duration',
    instrument: 'histogram',
    unit: 's',
    by: ['coordinator'],
    description: 'Time that a step waits for log-probabilities, gradients, their combination and the optimizer.',
    attributes: ['algorithm'],
    buckets: stepSeconds,
  },
  syncDuration: {
    name: 'rl.sync.duration',
    instrument: 'histogram',
    unit: 's',
    by: ['rollout', 'gradient'],
    description: 'Time to fetch a policy version from the coordinator and to check it.',
    attributes: ['errorType'],
    buckets: callSeconds,
  },
  checkpointDuration: {
    name: 'gapo.checkpoint.duration',
    instrument: 'histogram',
    unit: 's',
    by: ['coordinator'],
    description: 'Time to write a checkpoint.',
    attributes: [],
    buckets: stepSeconds,
  },
  samples: {
    name: 'rl.sample.samples',
    instrument: 'counter',
    unit: '{sample}',
    by: ['coordinator'],
    description: 'Completions that steps learned from.',
    attributes: ['algorithm'],
  },
  steps: {
    name: 'rl.train.steps',
    instrument: 'counter',
    unit: '{step}',
    by: ['coordinator'],
    description: 'Steps taken, of all runs.',
    attributes: ['algorithm'],
  },
  tokens: {
    name: 'rl.train.tokens',
    instrument: 'counter',
    unit: '{token}',
    by: ['coordinator'],
    description: 'Completion tokens that steps learned from, of all runs.',
    attributes: ['algorithm'],
  },
  runChanges: {
    name: 'gapo.run.changes',
    instrument: 'counter',
    unit: '{change}',
    by: ['coordinator'],
    description: 'Changes of state of all runs, by the new state.',
    attributes: ['runState'],
  },
  rewardFailures: {
    name: 'gapo.reward.failures',
    instrument: 'counter',
    unit: '{item}',
    by: ['coordinator'],
    description: 'Completions without a score, by objective, of all runs.',
    attributes: ['objective'],
  },
  scoreLookups: {
    name: 'gapo.reward.cache.lookups',
    instrument: 'counter',
    unit: '{item}',
    by: ['coordinator'],
    description: 'Look-ups of scores in the cache of scores.',
    attributes: ['objective', 'cacheResult'],
  },
  policyLookups: {
    name: 'gapo.policy.cache.lookups',
    instrument: 'counter',
    unit: '{lookup}',
    by: ['rollout', 'gradient'],
    description: 'Look-ups of policy versions among those that the worker holds.',
    attributes: ['cacheResult'],
  },
  shardRetries: {
    name: 'gapo.pool.retries',
    instrument: 'counter',
    unit: '{attempt}',
    by: ['coordinator'],
    description: 'Attempts at a shard after its first, by why: a worker was `lost`, `failed`, or is `overdue`.',
    attributes: ['pool', 'reason'],
  },
  rpcRetries: {
    name: 'gapo.rpc.retries',
    instrument: 'counter',
    unit: '{call}',
    by: ['all'],
    description: 'Calls that were repeated after a failure.',
    attributes: ['rpcMethod', 'rpcStatus'],
  },
  rpcClientDuration: {
    name: 'rpc.client.call.duration',
    instrument: 'histogram',
    unit: 's',
    by: ['all'],
    description: 'Duration of an outgoing call.',
    attributes: ['rpcSystem', 'rpcMethod', 'rpcStatus', 'errorType', 'serverAddress', 'serverPort'],
    buckets: callSeconds,
  },
  rpcServerDuration: {
    name: 'rpc.server.call.duration',
    instrument: 'histogram',
    unit: 's',
    by: ['all'],
    description: 'Duration of an incoming call.',
    attributes: ['rpcSystem', 'rpcMethod', 'rpcStatus', 'errorType'],
    buckets: callSeconds,
  },
  httpServerDuration: {
    name: 'http.server.request.duration',
    instrument: 'histogram',
    unit: 's',
    by: ['gateway'],
    description: 'Duration of an HTTP request.',
    attributes: ['httpMethod', 'httpRoute', 'httpStatus', 'urlScheme', 'errorType'],
    buckets: callSeconds,
  },
  refused: {
    name: 'gapo.refused',
    instrument: 'counter',
    unit: '{refusal}',
    by: ['all'],
    description: 'Connections and calls that were refused.',
    attributes: ['reason'],
  },
  eventsRefused: {
    name: 'gapo.outbox.refused',
    instrument: 'counter',
    unit: '{event}',
    by: ['coordinator'],
    description: 'Events that could not be published.',
    attributes: [],
  },
} as const satisfies Readonly<Record<string, MetricDeclaration>>;

/** Gauges of a process: they exist as long as what they measure. */
const present = {
  poolWorkers: {
    name: 'gapo.pool.workers',
    instrument: 'gauge',
    unit: '{worker}',
    by: ['coordinator'],
    description: 'Workers, by whether they serve.',
    attributes: ['pool', 'workerState'],
  },
  poolShards: {
    name: 'gapo.pool.shards',
    instrument: 'gauge',
    unit: '{shard}',
    by: ['coordinator'],
    description: 'Shards that wait for a worker or are computed.',
    attributes: ['pool', 'shardState'],
  },
  poolStragglers: {
    name: 'gapo.pool.stragglers',
    instrument: 'gauge',
    unit: '{worker}',
    by: ['coordinator'],
    description: 'Workers that take much longer than the others.',
    attributes: ['pool'],
  },
  rewardQueue: {
    name: 'gapo.reward.queue.length',
    instrument: 'gauge',
    unit: '{sequence}',
    by: ['reward'],
    description: 'Sequences that wait for a run of a classifier.',
    attributes: [],
  },
  outboxLength: {
    name: 'gapo.outbox.length',
    instrument: 'gauge',
    unit: '{event}',
    by: ['coordinator'],
    description: 'Events in the logs of runs that NATS has not acknowledged.',
    attributes: [],
  },
  busConnected: {
    name: 'gapo.bus.connected',
    instrument: 'gauge',
    unit: '1',
    by: ['coordinator', 'gateway', 'operator'],
    description: 'Whether the server of events is connected: 1 or 0. Always 1 without NATS.',
    attributes: ['messagingSystem'],
  },
  processMemory: {
    name: 'process.memory.usage',
    instrument: 'gauge',
    unit: 'By',
    by: ['all'],
    description: 'Resident memory of the process.',
    attributes: [],
  },
  processCpu: {
    name: 'process.cpu.time',
    instrument: 'counter',
    unit: 's',
    by: ['all'],
    description: 'CPU time of the process.',
    attributes: ['cpuMode'],
  },
  processUptime: {
    name: 'process.uptime',
    instrument: 'gauge',
    unit: 's',
    by: ['all'],
    description: 'Time since the process started.',
    attributes: [],
  },
  openFiles: {
    // OpenTelemetry's name ends in count, which Prometheus reserves for histograms.
    name: 'gapo.process.file_descriptors',
    instrument: 'gauge',
    unit: '{file_descriptor}',
    by: ['all'],
    description: 'Open file descriptors. Only on Linux.',
    attributes: [],
  },
  heapUsed: {
    name: 'v8js.memory.heap.used',
    instrument: 'gauge',
    unit: 'By',
    by: ['all'],
    description: 'Memory in use in the heap of JavaScript.',
    attributes: [],
  },
  eventLoopUtilization: {
    name: 'nodejs.eventloop.utilization',
    instrument: 'gauge',
    unit: '1',
    by: ['all'],
    description: 'Share of time that the event loop was not idle, since the process started.',
    attributes: [],
  },
  eventLoopDelay: {
    name: 'nodejs.eventloop.delay.p99',
    instrument: 'gauge',
    unit: 's',
    by: ['all'],
    description: '99th percentile of the delay of the event loop, since the last collection.',
    attributes: [],
  },
  gpuMemory: {
    name: 'hw.gpu.memory.usage',
    instrument: 'gauge',
    unit: 'By',
    by: ['rollout', 'gradient', 'reward'],
    description: 'Memory in use of each GPU that the service computes on, by all processes.',
    attributes: ['gpu', 'gpuName'],
  },
  gpuMemoryLimit: {
    name: 'hw.gpu.memory.limit',
    instrument: 'gauge',
    unit: 'By',
    by: ['rollout', 'gradient', 'reward'],
    description: 'Memory of each GPU that the service computes on.',
    attributes: ['gpu', 'gpuName'],
  },
} as const satisfies Readonly<Record<string, MetricDeclaration>>;

const perRun = ['runId'] as const;
const perObjective = ['runId', 'objective'] as const;
const ofCoordinator = { instrument: 'gauge', by: ['coordinator'] } as const;

/** Gauges of a run: its last step. They exist while it starts, trains, or waits to continue by itself. */
const ofRuns = {
  runState: {
    ...ofCoordinator,
    name: 'gapo.run.state',
    unit: '1',
    description: 'The state of the run: 1 for the one that it is in.',
    attributes: ['runId', 'runState'],
  },
  runStep: {
    ...ofCoordinator,
    name: 'gapo.run.step',
    unit: '{step}',
    description: 'Steps that the run has taken.',
    attributes: perRun,
  },
  runSteps: {
    ...ofCoordinator,
    name: 'gapo.run.steps.planned',
    unit: '{step}',
    description: 'Steps that the run takes in all.',
    attributes: perRun,
  },
  runProgressTime: {
    ...ofCoordinator,
    name: 'gapo.run.progress.timestamp',
    unit: 's',
    description: 'When the run last took a step, or started: seconds since 1970.',
    attributes: perRun,
  },
  stepSeconds: {
    ...ofCoordinator,
    name: 'gapo.run.step.duration',
    unit: 's',
    description: 'Wall time of the last step.',
    attributes: perRun,
  },
  phaseSeconds: {
    ...ofCoordinator,
    name: 'gapo.run.phase.duration',
    unit: 's',
    description: 'Time that the last step waited for each of its phases.',
    attributes: ['runId', 'phase'],
  },
  tokenRate: {
    ...ofCoordinator,
    name: 'gapo.run.token.rate',
    unit: '{token}/s',
    description: 'Completion tokens of the last step, per second of its wall time.',
    attributes: perRun,
  },
  completionLength: {
    ...ofCoordinator,
    name: 'rl.environment.episode.length.mean',
    unit: '{token}',
    description: 'Mean length of the completions.',
    attributes: perRun,
  },
  finishedFraction: {
    ...ofCoordinator,
    name: 'gapo.sample.finished.fraction',
    unit: '1',
    description: 'Share of completions that ended with an end token.',
    attributes: perRun,
  },
  rewardMean: {
    ...ofCoordinator,
    name: 'rl.environment.reward.mean',
    unit: '1',
    description: "Mean reward of the step's completions.",
    attributes: perObjective,
  },
  rewardDeviation: {
    ...ofCoordinator,
    name: 'gapo.reward.deviation',
    unit: '1',
    description: 'Standard deviation of the rewards.',
    attributes: perObjective,
  },
  rewardFailed: {
    ...ofCoordinator,
    name: 'gapo.reward.failed',
    unit: '{item}',
    description: 'Completions of the step without a score.',
    attributes: perObjective,
  },
  rewardOutliers: {
    ...ofCoordinator,
    name: 'gapo.reward.outliers',
    unit: '{item}',
    description: 'Scores of the step that are far from the mean of all before them.',
    attributes: perObjective,
  },
  rewardLatency: {
    ...ofCoordinator,
    name: 'gapo.reward.latency',
    unit: 's',
    description: 'Duration of the slowest Score call of the step.',
    attributes: perObjective,
  },
  accuracy: {
    ...ofCoordinator,
    name: 'gapo.reward.accuracy',
    unit: '1',
    description: 'Share of labelled pairs that the policy ranks as labelled. Only with DPO.',
    attributes: perObjective,
  },
  weight: {
    ...ofCoordinator,
    name: 'gapo.objective.weight',
    unit: '1',
    description: "The weight of the objective's gradient in the update.",
    attributes: perObjective,
  },
  alpha: {
    ...ofCoordinator,
    name: 'gapo.objective.alpha',
    unit: '1',
    description: 'The weight of the objective on the simplex, before the gradients are rescaled.',
    attributes: perObjective,
  },
  gradientNorm: {
    ...ofCoordinator,
    name: 'gapo.objective.gradient.norm',
    unit: '1',
    description: "The norm of the objective's gradient.",
    attributes: perObjective,
  },
  progress: {
    ...ofCoordinator,
    name: 'gapo.objective.progress',
    unit: '1',
    description:
      'First-order progress of the objective by the update: the inner product of its gradient and the update.',
    attributes: perObjective,
  },
  multiplier: {
    ...ofCoordinator,
    name: 'gapo.objective.multiplier',
    unit: '1',
    description: "The objective's Lagrange multiplier. Only with methods that have one.",
    attributes: perObjective,
  },
  cosine: {
    ...ofCoordinator,
    name: 'gapo.gram.cosine',
    unit: '1',
    description: 'Cosine of the gradients of two objectives: below 0 they conflict.',
    attributes: ['runId', 'objective', 'otherObjective'],
  },
  stationarity: {
    ...ofCoordinator,
    name: 'gapo.stationarity',
    unit: '1',
    description:
      'Norm of the min-norm combination of the normalised gradients: 0 is Pareto stationary, 1 is agreement.',
    attributes: perRun,
  },
  kl: {
    ...ofCoordinator,
    name: 'gapo.kl',
    unit: '1',
    description: 'Mean k2 KL to the reference per token, in nats. Only with a reference.',
    attributes: perRun,
  },
  entropy: {
    ...ofCoordinator,
    name: 'gapo.entropy',
    unit: '1',
    description: 'Mean entropy per token, in nats.',
    attributes: perRun,
  },
  clipFraction: {
    ...ofCoordinator,
    name: 'gapo.clip.fraction',
    unit: '1',
    description: 'Share of tokens at which the PPO clip is active, over all objectives.',
    attributes: perRun,
  },
  logprobGap: {
    ...ofCoordinator,
    name: 'gapo.logprob.gap',
    unit: '1',
    description: "Largest difference between a token's log-probability at the sampler and at the trainer, in nats.",
    attributes: perRun,
  },
  staleness: {
    ...ofCoordinator,
    name: 'gapo.staleness',
    unit: '{update}',
    description:
      'Updates between the version that sampled and the one that the step began with. Only with `rollout.staleness` or `ppo.importanceCap`.',
    attributes: perRun,
  },
  effectiveSampleSize: {
    ...ofCoordinator,
    name: 'gapo.sample.effective_size',
    unit: '1',
    description:
      'Effective sample size of completion tokens as a share of their number. Only with `rollout.staleness` or `ppo.importanceCap`.',
    attributes: perRun,
  },
  updateNorm: {
    ...ofCoordinator,
    name: 'gapo.update.norm',
    unit: '1',
    description: 'Norm of the update before clipping.',
    attributes: perRun,
  },
  learningRate: {
    ...ofCoordinator,
    name: 'gapo.learning_rate',
    unit: '1',
    description: 'The learning rate of the step.',
    attributes: perRun,
  },
  weightsAge: {
    ...ofCoordinator,
    name: 'gapo.weights.age',
    unit: '{step}',
    description: 'Steps since the weights were computed.',
    attributes: perRun,
  },
  approximation: {
    ...ofCoordinator,
    name: 'gapo.approximation.angle',
    unit: 'deg',
    description: 'Angle between the update and the exact one, where it was measured.',
    attributes: perRun,
  },
} as const satisfies Readonly<Record<string, MetricDeclaration>>;

/** Metrics by group, as the documentation shows them. */
export const metricGroups = { lasting, present, ofRuns } as const;

/** The metrics by the keys that code uses. */
export const metrics = { ...lasting, ...present, ...ofRuns } as const;

/** The key of a declared metric. */
export type MetricKey = keyof typeof metrics;

type Metrics = typeof metrics;

/** The keys of the metrics of a group that have an instrument. */
type KeyIn<G extends Readonly<Record<string, MetricDeclaration>>, I extends MetricDeclaration['instrument']> = {
  [K in keyof G]: G[K]['instrument'] extends I ? K : never;
}[keyof G];

/** The key of a counter that code adds to. */
export type CounterKey = KeyIn<typeof lasting, 'counter'>;

/** The key of a histogram. */
export type HistogramKey = KeyIn<typeof lasting, 'histogram'>;

/** The key of a metric that is read when metrics are collected. */
export type ReadingKey = keyof typeof present | keyof typeof ofRuns;

/** The attributes of a measurement, by key: only those that the metric declares. */
export type MetricAttributes<K extends MetricKey> = {
  readonly [A in Metrics[K]['attributes'][number]]?: string | number | undefined;
};
