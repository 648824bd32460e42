/** Every span that services record. gRPC calls also have spans, named `grpc.<package>.<service>/<method>`. */
import { namesOf, type AttributeKey } from './attributes.js';

/** A declared span. */
export interface SpanDeclaration {
  readonly name: string;
  readonly kind: 'internal' | 'client' | 'producer' | 'consumer';
  /** The services that record it. */
  readonly by: readonly string[];
  readonly description: string;
  /** Attributes that it may have. */
  readonly attributes: readonly AttributeKey[];
}

/** The spans by the keys that code uses. `rl.` names are those of the proposed conventions, `gapo.` names extend them. */
export const spans = {
  step: {
    name: 'rl.loop',
    kind: 'internal',
    by: ['coordinator'],
    description: 'One training step: the root of a trace.',
    attributes: [
      'runId',
      'algorithm',
      'step',
      'method',
      'objectiveCount',
      'tokens',
      'kl',
      'stationarity',
      'policyVersion',
    ],
  },
  stepSampling: {
    name: 'rl.sample',
    kind: 'internal',
    by: ['coordinator'],
    description: 'Phase of a step: completions are sampled.',
    attributes: [],
  },
  sampleAhead: {
    name: 'gapo.sample.ahead',
    kind: 'internal',
    by: ['coordinator'],
    description:
      'With `rollout.staleness`: completions of a later step are sampled. The step that begins meanwhile is the parent, and may end first.',
    attributes: ['step', 'policyVersion'],
  },
  stepRewards: {
    name: 'rl.reward',
    kind: 'internal',
    by: ['coordinator'],
    description: 'Phase of a step: every objective scores the completions.',
    attributes: [],
  },
  stepLogProbs: {
    name: 'gapo.step.logprobs',
    kind: 'internal',
    by: ['coordinator'],
    description: 'Phase of a step: log-probabilities of the sampling policy, and of the reference.',
    attributes: [],
  },
  stepAdvantages: {
    name: 'gapo.step.advantages',
    kind: 'internal',
    by: ['coordinator'],
    description: 'Phase of a step: advantages per objective.',
    attributes: [],
  },
  stepTrain: {
    name: 'rl.train',
    kind: 'internal',
    by: ['coordinator'],
    description: 'The updates of a step: gradients, their combination and the optimizer, once or more.',
    attributes: [],
  },
  stepGradients: {
    name: 'gapo.step.gradients',
    kind: 'internal',
    by: ['coordinator'],
    description: 'Phase of an update: one gradient per objective.',
    attributes: ['epoch'],
  },
  stepCombination: {
    name: 'gapo.step.combination',
    kind: 'internal',
    by: ['coordinator'],
    description: 'Phase of an update: Gram matrix, weights, direction.',
    attributes: ['epoch'],
  },
  stepOptimizer: {
    name: 'gapo.step.optimizer',
    kind: 'internal',
    by: ['coordinator'],
    description: 'Phase of an update: the optimizer moves the policy to its next version.',
    attributes: ['epoch'],
  },
  stepCheckpoint: {
    name: 'gapo.step.checkpoint',
    kind: 'internal',
    by: ['coordinator'],
    description: 'Phase of a step: the checkpoint is written.',
    attributes: [],
  },
  evaluation: {
    name: 'gapo.evaluation',
    kind: 'internal',
    by: ['coordinator'],
    description: 'An evaluation on held-out prompts.',
    attributes: ['runId'],
  },
  rolloutGenerate: {
    name: 'gapo.rollout.generate',
    kind: 'internal',
    by: ['rollout'],
    description: 'Completions of one shard are sampled.',
    attributes: ['runId', 'policyVersion', 'prompts', 'sequences', 'tokens'],
  },
  rolloutRequest: {
    name: 'gapo.rollout.request',
    kind: 'client',
    by: ['rollout'],
    description: 'One request to a server of an engine, for one completion. The server gets its context.',
    attributes: [
      'genAiOperation',
      'genAiProvider',
      'genAiModel',
      'genAiSeed',
      'genAiTemperature',
      'genAiMaxTokens',
      'genAiInputTokens',
      'genAiOutputTokens',
      'genAiFinishReasons',
      'serverAddress',
      'serverPort',
    ],
  },
  rewardScore: {
    name: 'gapo.reward.score',
    kind: 'internal',
    by: ['reward'],
    description: 'One objective scores one batch.',
    attributes: ['objective', 'sequences', 'failedItems'],
  },
  rewardRun: {
    name: 'gapo.reward.run',
    kind: 'internal',
    by: ['reward'],
    description: 'A classifier runs on the sequences of one or more Score calls.',
    attributes: ['model', 'sequences', 'sequenceLength', 'calls'],
  },
  gradientCompute: {
    name: 'gapo.gradient.compute',
    kind: 'internal',
    by: ['gradient'],
    description: 'Gradients of one shard.',
    attributes: ['runId', 'policyVersion', 'shard', 'sequences', 'objectiveCount'],
  },
  gradientLogProbs: {
    name: 'gapo.gradient.logprobs',
    kind: 'internal',
    by: ['gradient'],
    description: 'Log-probabilities (and values) of one shard.',
    attributes: ['runId', 'policyVersion', 'sequences'],
  },
  policyFetch: {
    name: 'rl.sync',
    kind: 'internal',
    by: ['rollout', 'gradient'],
    description: 'A policy version is fetched from the coordinator and checked.',
    attributes: ['runId', 'policyVersion', 'policySha256', 'bytes'],
  },
  policyServe: {
    name: 'gapo.policy.serve',
    kind: 'internal',
    by: ['coordinator'],
    description: 'A policy version is streamed to a worker.',
    attributes: ['runId', 'policyVersion'],
  },
  modelLoad: {
    name: 'gapo.model.load',
    kind: 'internal',
    by: ['reward'],
    description: 'A model is loaded and its session created.',
    attributes: ['model'],
  },
  eventPublish: {
    name: 'gapo.event.publish',
    kind: 'producer',
    by: ['coordinator'],
    description: "An event is appended to the run's log, from which it is published.",
    attributes: ['runId', 'messagingSystem', 'messagingDestination', 'messagingMessageId', 'messagingOperation'],
  },
  eventProcess: {
    name: 'gapo.event.process',
    kind: 'consumer',
    by: ['gateway'],
    description: 'An event is handled by a subscriber.',
    attributes: ['runId', 'messagingSystem', 'messagingDestination', 'messagingMessageId', 'messagingOperation'],
  },
  httpRequest: {
    name: 'gapo.http.request',
    kind: 'internal',
    by: ['gateway'],
    description: 'One HTTP request of the web page.',
    attributes: ['runId'],
  },
} as const satisfies Readonly<Record<string, SpanDeclaration>>;

/** Names of spans, by key. */
export const spanNames = namesOf(spans);

/** The name of a declared span. */
export type SpanName = (typeof spans)[keyof typeof spans]['name'];
