/** Every attribute of spans, metrics, events and log lines. */

/** A declared attribute. */
export interface AttributeDeclaration {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'string[]';
  readonly description: string;
}

/** The attributes by the keys that code uses. Names outside of `gapo.` are those of OpenTelemetry's conventions, or of their proposals. */
export const attributes = {
  system: { name: 'rl.system', type: 'string', description: 'The training system: `gapo`. On every resource.' },
  runId: { name: 'rl.run.id', type: 'string', description: "The run's id, a file-name-safe word." },
  algorithm: { name: 'rl.algorithm', type: 'string', description: 'The algorithm: `ppo` or `dpo`.' },
  step: { name: 'rl.loop.iteration', type: 'integer', description: 'The training step, from 1.' },
  epoch: { name: 'gapo.epoch', type: 'integer', description: 'The update within the step, from 0.' },
  shard: { name: 'gapo.shard', type: 'integer', description: "The shard of the step's batch, from 0." },
  objective: { name: 'gapo.objective', type: 'string', description: "The objective's name." },
  otherObjective: { name: 'gapo.objective.other', type: 'string', description: 'The second objective of a pair.' },
  objectiveCount: { name: 'gapo.objective.count', type: 'integer', description: 'The number of objectives.' },
  method: {
    name: 'gapo.method',
    type: 'string',
    description: 'The combination method, such as `gapo` or `mgda`.',
  },
  policyVersion: { name: 'gapo.policy.version', type: 'integer', description: 'The policy version read or written.' },
  policySha256: {
    name: 'gapo.policy.sha256',
    type: 'string',
    description: "SHA-256 (hex) of the policy version's tensors.",
  },
  model: { name: 'gapo.model', type: 'string', description: "The model's directory or file." },
  prompts: { name: 'gapo.prompts', type: 'integer', description: 'The number of prompts.' },
  sequences: {
    name: 'gapo.sequences',
    type: 'integer',
    description: 'The number of sequences (prompt and completion).',
  },
  tokens: { name: 'gapo.tokens', type: 'integer', description: 'The number of completion tokens.' },
  sequenceLength: {
    name: 'gapo.sequence.length',
    type: 'integer',
    description: 'Tokens per sequence, including padding.',
  },
  calls: { name: 'gapo.calls', type: 'integer', description: 'The number of calls that share the work.' },
  failedItems: { name: 'gapo.items.failed', type: 'integer', description: 'Items without a score.' },
  bytes: { name: 'gapo.bytes', type: 'integer', description: 'Bytes moved.' },
  worker: { name: 'gapo.worker', type: 'string', description: 'The worker, as host:port.' },
  slowness: {
    name: 'gapo.worker.slowness',
    type: 'number',
    description: "How many times longer than the other workers' median a straggler takes.",
  },
  kl: { name: 'gapo.kl', type: 'number', description: 'Mean k2 KL to the reference per token.' },
  stationarity: { name: 'gapo.stationarity', type: 'number', description: 'The stationarity measure, 0 to 1.' },
  phase: {
    name: 'gapo.phase',
    type: 'string',
    description: 'A phase of a step: `sampling`, `rewards`, `gradients`, `combination` or `checkpoint`.',
  },
  runState: {
    name: 'gapo.run.state',
    type: 'string',
    description: 'A state of a run: `starting`, `running`, `paused`, `succeeded`, `failed` or `cancelled`.',
  },
  pool: { name: 'gapo.pool', type: 'string', description: 'A pool of workers: `rollout` or `gradient`.' },
  workerState: {
    name: 'gapo.worker.state',
    type: 'string',
    description: 'Whether a worker is `serving` or `down`.',
  },
  shardState: {
    name: 'gapo.shard.state',
    type: 'string',
    description: 'Whether a shard is `waiting` for a worker or `computing`.',
  },
  cacheResult: { name: 'gapo.cache.result', type: 'string', description: 'The result of a look-up: `hit` or `miss`.' },
  reason: { name: 'gapo.reason', type: 'string', description: 'Why something was refused or repeated, in one word.' },
  rpcSystem: { name: 'rpc.system.name', type: 'string', description: 'The RPC system: `grpc`.' },
  rpcMethod: {
    name: 'rpc.method',
    type: 'string',
    description: 'The full name of the method, such as `gapo.reward.v1.RewardService/Score`.',
  },
  rpcStatus: {
    name: 'rpc.response.status_code',
    type: 'string',
    description: 'The name of the gRPC status, such as `OK` or `UNAVAILABLE`.',
  },
  errorType: {
    name: 'error.type',
    type: 'string',
    description: 'The kind of failure; absent where the work succeeded.',
  },
  exceptionType: { name: 'exception.type', type: 'string', description: 'The class of an error.' },
  exceptionMessage: { name: 'exception.message', type: 'string', description: 'The message of an error.' },
  exceptionStack: { name: 'exception.stacktrace', type: 'string', description: 'The stack trace of an error.' },
  serverAddress: { name: 'server.address', type: 'string', description: 'The host of the server, as configured.' },
  serverPort: { name: 'server.port', type: 'integer', description: "The server's port." },
  httpMethod: { name: 'http.request.method', type: 'string', description: 'The HTTP method.' },
  httpRoute: { name: 'http.route', type: 'string', description: 'The route, with its parameters as placeholders.' },
  httpStatus: { name: 'http.response.status_code', type: 'integer', description: 'The HTTP status.' },
  urlScheme: { name: 'url.scheme', type: 'string', description: '`http` or `https`.' },
  cpuMode: { name: 'cpu.mode', type: 'string', description: '`user` or `system`.' },
  gpu: { name: 'hw.id', type: 'string', description: "The accelerator's UUID." },
  gpuName: { name: 'hw.name', type: 'string', description: "The accelerator's model." },
  messagingSystem: {
    name: 'messaging.system',
    type: 'string',
    description: '`nats` for events on JetStream, `in-process` for the bus without a server.',
  },
  messagingDestination: { name: 'messaging.destination.name', type: 'string', description: "The event's subject." },
  messagingMessageId: { name: 'messaging.message.id', type: 'string', description: "The event's id." },
  messagingOperation: { name: 'messaging.operation.name', type: 'string', description: '`publish` or `process`.' },
  genAiOperation: { name: 'gen_ai.operation.name', type: 'string', description: 'The operation: `text_completion`.' },
  genAiProvider: { name: 'gen_ai.provider.name', type: 'string', description: 'The engine, such as `vllm`.' },
  genAiModel: { name: 'gen_ai.request.model', type: 'string', description: "The policy version's name at the engine." },
  genAiSeed: { name: 'gen_ai.request.seed', type: 'integer', description: 'The seed of one completion.' },
  genAiTemperature: { name: 'gen_ai.request.temperature', type: 'number', description: 'The temperature.' },
  genAiMaxTokens: {
    name: 'gen_ai.request.max_tokens',
    type: 'integer',
    description: 'The most tokens of the completion.',
  },
  genAiInputTokens: { name: 'gen_ai.usage.input_tokens', type: 'integer', description: 'Tokens of the prompt.' },
  genAiOutputTokens: { name: 'gen_ai.usage.output_tokens', type: 'integer', description: 'Tokens of the completion.' },
  genAiFinishReasons: {
    name: 'gen_ai.response.finish_reasons',
    type: 'string[]',
    description: 'Why the completion ended: `stop`, `stopString` or `length`.',
  },
  evaluationName: { name: 'gen_ai.evaluation.name', type: 'string', description: 'The objective that scores.' },
  evaluationScore: {
    name: 'gen_ai.evaluation.score.value',
    type: 'number',
    description: 'The score of one completion, larger is better.',
  },
  evaluationExplanation: {
    name: 'gen_ai.evaluation.explanation',
    type: 'string',
    description: 'Why a completion has no score.',
  },
  responseId: {
    name: 'gen_ai.response.id',
    type: 'string',
    description: "The completion that is scored: its item's id, which is unique within the step.",
  },
} as const satisfies Readonly<Record<string, AttributeDeclaration>>;

/** The key of a declared attribute. */
export type AttributeKey = keyof typeof attributes;

/** Names of attributes, by key. */
export const attributeNames = namesOf(attributes);

/** Returns the names of declarations, by key. */
export function namesOf<T extends Readonly<Record<string, { readonly name: string }>>>(
  declarations: T,
): { readonly [K in keyof T]: T[K]['name'] } {
  const names = Object.entries(declarations).map(([key, { name }]) => [key, name]);
  return Object.fromEntries(names) as { readonly [K in keyof T]: T[K]['name'] };
}
