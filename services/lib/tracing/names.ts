/**
 * Every span and attribute name of the platform, so that dashboards, tests and services agree. A name is never changed in
 * place: add the new one, and keep the old one for a release.
 */

/** Names of spans. gRPC calls also have spans, named `grpc.<package>.<service>/<method>`. */
export const spanNames = {
  /** One training step: the root of a trace. Coordinator. */
  step: 'gapo.step',
  /** Phase of a step: completions are sampled. Coordinator. */
  stepSampling: 'gapo.step.sampling',
  /** Phase of a step: every objective scores the completions. Coordinator. */
  stepRewards: 'gapo.step.rewards',
  /** Phase of a step: log-probabilities of the sampling policy, and of the reference. Coordinator. */
  stepLogProbs: 'gapo.step.logprobs',
  /** Phase of a step: advantages per objective. Coordinator. */
  stepAdvantages: 'gapo.step.advantages',
  /** Phase of a step: one gradient per objective. Coordinator. */
  stepGradients: 'gapo.step.gradients',
  /** Phase of a step: Gram matrix, weights, direction. Coordinator. */
  stepCombination: 'gapo.step.combination',
  /** Phase of a step: the optimizer moves the policy to its next version. Coordinator. */
  stepOptimizer: 'gapo.step.optimizer',
  /** Phase of a step: the checkpoint is written. Coordinator. */
  stepCheckpoint: 'gapo.step.checkpoint',
  /** An evaluation on held-out prompts. Coordinator. */
  evaluation: 'gapo.evaluation',
  /** Completions of one shard are sampled. Rollout. */
  rolloutGenerate: 'gapo.rollout.generate',
  /** One objective scores one batch. Reward. */
  rewardScore: 'gapo.reward.score',
  /** A classifier runs on the sequences of one or more Score calls. Reward. */
  rewardRun: 'gapo.reward.run',
  /** Gradients of one shard. Gradient. */
  gradientCompute: 'gapo.gradient.compute',
  /** Log-probabilities (and values) of one shard. Gradient. */
  gradientLogProbs: 'gapo.gradient.logprobs',
  /** A policy version is fetched from the coordinator and checked. Rollout and gradient. */
  policyFetch: 'gapo.policy.fetch',
  /** A policy version is streamed to a worker. Coordinator. */
  policyServe: 'gapo.policy.serve',
  /** A model is loaded and its session created. Rollout, gradient and reward. */
  modelLoad: 'gapo.model.load',
  /** An event is published, from the call to the server's acknowledgement. */
  eventPublish: 'gapo.event.publish',
  /** An event is handled by a subscriber. */
  eventProcess: 'gapo.event.process',
  /** One HTTP request of the web page. Gateway. */
  httpRequest: 'gapo.http.request',
} as const;

/** The name of a declared span. */
export type SpanName = (typeof spanNames)[keyof typeof spanNames];

/** Names of span attributes and of the same fields in log lines. */
export const attributeNames = {
  /** The run's id, a file-name-safe word. String. */
  runId: 'gapo.run.id',
  /** The training step, from 1. Integer. */
  step: 'gapo.step',
  /** The PPO epoch within the step, from 0. Integer. */
  epoch: 'gapo.epoch',
  /** The shard of the step's batch, from 0. Integer. */
  shard: 'gapo.shard',
  /** The number of earlier attempts at the work, 0 at first. Integer. */
  attempt: 'gapo.attempt',
  /** The objective's name. String. */
  objective: 'gapo.objective',
  /** The number of objectives. Integer. */
  objectiveCount: 'gapo.objective.count',
  /** The combination method, such as `gapo` or `mgda`. String. */
  method: 'gapo.method',
  /** The policy version read or written. Integer. */
  policyVersion: 'gapo.policy.version',
  /** SHA-256 of the policy version's tensors. Hexadecimal string. */
  policySha256: 'gapo.policy.sha256',
  /** The model's directory or file. String. */
  model: 'gapo.model',
  /** The number of prompts. Integer. */
  prompts: 'gapo.prompts',
  /** The number of sequences (prompt and completion). Integer. */
  sequences: 'gapo.sequences',
  /** The number of completion tokens. Integer. */
  tokens: 'gapo.tokens',
  /** Tokens per sequence, including padding. Integer. */
  sequenceLength: 'gapo.sequence.length',
  /** The number of calls that share the work. Integer. */
  calls: 'gapo.calls',
  /** Items without a score. Integer. */
  failedItems: 'gapo.items.failed',
  /** Bytes moved. Integer. */
  bytes: 'gapo.bytes',
  /** The worker, as host:port. String. */
  worker: 'gapo.worker',
  /** How many times longer than the other workers' median a straggler takes. Number. */
  slowness: 'gapo.worker.slowness',
  /** The checkpoint's directory. String. */
  checkpoint: 'gapo.checkpoint',
  /** Mean k2 KL to the reference per token. Number. */
  kl: 'gapo.kl',
  /** The stationarity measure of the step, 0 to 1. Number. */
  stationarity: 'gapo.stationarity',
  /** `nats` for events on JetStream, `in-process` for the bus without a server. String; OpenTelemetry's name. */
  messagingSystem: 'messaging.system',
  /** The event's subject. String; OpenTelemetry's name. */
  messagingDestination: 'messaging.destination.name',
  /** The event's id. String; OpenTelemetry's name. */
  messagingMessageId: 'messaging.message.id',
  /** `publish` or `process`. String; OpenTelemetry's name. */
  messagingOperation: 'messaging.operation.name',
} as const;
