/**
 * The resources that a run needs: the memory of every process by part, and operations and bytes sent per step. Computed from sizes alone,
 * based on what the services keep in memory.
 */
import { type LoraSpec, trainableTensors } from '../adapters/trainable.js';
import type { DecoderConfig } from '../decoderConfig.js';
import { type TensorShape, decoderTensors } from '../decoderLayout.js';
import { sizeOf } from '../weights/tensors.js';
import { activationBytes, sharingPays } from './activations.js';
import {
  type EngineExtents,
  type GradientEngine,
  type RolloutEngine,
  cacheBytesPerToken,
  gpusOf,
  pytorchActivationBytes,
  weightsByPlace,
} from './engines.js';

/** The settings and sizes that determine a run's resources. */
export interface RunExtents {
  readonly engines: EngineExtents;
  readonly device: 'cpu' | 'cuda';
  /** Undefined if every weight is trained. */
  readonly lora: LoraSpec | undefined;
  readonly objectives: number;
  /** One critic per objective, or none. */
  readonly valueHeads: number;
  readonly promptsPerStep: number;
  readonly samplesPerPrompt: number;
  /** Maximum number of completions of a shard sampled at once. */
  readonly batch: number;
  readonly shards: number;
  /** Tokens of a prompt. */
  readonly promptTokens: number;
  /** Tokens of the longest completion. */
  readonly completionTokens: number;
  /** Updates per step. */
  readonly updates: number;
  /** Passes over a step's batch. */
  readonly epochs: number;
  /** Number of steps that sampling runs ahead of training. */
  readonly staleness: number;
  /** Whether log-probabilities, or critics' values, under the version at the start of the step are computed. */
  readonly current: boolean;
  /** Whether log-probabilities under the reference are computed. */
  readonly reference: boolean;
  /** Whether KL, entropy or value losses have a separate gradient. */
  readonly regularized: boolean;
  /** The precision of matrix products. */
  readonly precision: 'float32' | 'float16';
  /** Bytes for the activations of a micro-batch. */
  readonly activationBudget: number;
  /** Whether backward passes recompute each layer instead of keeping its activations. */
  readonly recompute: boolean;
}

/** A part of a process's memory. */
export interface Part {
  readonly what: string;
  readonly bytes: number;
  /** Whether it is in GPU memory. */
  readonly onDevice: boolean;
  /** The formula with its numbers. */
  readonly formula: string;
}

/** The memory of one kind of process. */
export interface Worker {
  readonly name: 'rollout' | 'gradient' | 'coordinator';
  /** Maximum useful number of them. */
  readonly most: number;
  /** GPUs per worker, with device: cuda. */
  readonly gpus: number;
  readonly parts: readonly Part[];
  readonly hostBytes: number;
  /** Memory per GPU; 0 with device: cpu. */
  readonly deviceBytes: number;
}

/** The plan of a run. */
export interface Plan {
  /** Elements of all weights. */
  readonly parameters: number;
  /** Trained elements. */
  readonly trained: number;
  readonly workers: readonly [rollout: Worker, gradient: Worker, coordinator: Worker];
  /** Floating-point operations of one step, without attention scores. */
  readonly operations: {
    readonly sampling: number;
    /** Log-probabilities under the reference, and under the version at the start of the step. */
    readonly reference: number;
    readonly gradients: number;
  };
  /** Bytes sent per step: a version to one worker, all gradients to the coordinator. */
  readonly transfers: { readonly version: number; readonly gradients: number };
  /** The sharded weights exchanged between a gradient worker's GPUs; undefined if nothing is sharded. */
  readonly gathering: Gathering | undefined;
  /** Completions that a rollout worker samples at once. */
  readonly sampledAtOnce: number;
  /** Bytes of a token's keys and values when read during sampling. */
  readonly cacheBytesPerToken: number;
}

/** Frozen weights that are sharded over the GPUs of a worker, and gathered for each pass over a micro-batch. */
export interface Gathering {
  /** Bytes that each GPU receives for one pass over all layers. */
  readonly pass: number;
  /** Sequences of a micro-batch per GPU: with gradients (forward and backward pass), and without. */
  readonly rows: { readonly gradients: number; readonly reference: number };
}

const float = 4;
const half = 2;
const mib = 2 ** 20;
/**
 * Measured after minimal work: a service with the tensor runtime, one without it that reads data in a thread, and a process of
 * engines/pytorch.
 */
const process = { worker: 160 * mib, coordinator: 150 * mib, pytorch: 780 * mib } as const;
/** The runtime packs the weights of models up to this size a second time, for its kernels. */
const largestPacked = 256 * mib;
/** Versions in a worker: the reference, the current and the previous one, and one in transit to the thread. */
const workerVersions = 4;
/** Versions in the coordinator: version 0 and the newest three. */
const coordinatorVersions = 4;
/** vLLM's --max-loras with which the chart's rollout workers load adapters. */
const loadedAdapters = 2;
/** Gradient copies in PyTorch: the sum, and the current micro-batch's. */
const pytorchGradientCopies = 2;
/** Layers whose weights are unsharded in FSDP2: the running one, the next one, and the buffer in which they were gathered. */
const gatheredLayers = 3;
/** Gradients exist in the runtime, in the concatenated result, and in the thread that sends them. */
const gradientCopies = 3;

const elements = (tensors: readonly TensorShape[]): number =>
  tensors.reduce((total, { shape }) => total + sizeOf(shape), 0);

/** Computes the plan of a run on a decoder. */
export function planOf(config: DecoderConfig, run: RunExtents): Plan {
  const parameters = elements(decoderTensors(config));
  const spec = { ...(run.lora && { lora: run.lora }), valueHeads: run.valueHeads };
  const trained = elements(trainableTensors(config, spec));
  const sequences = run.promptsPerStep * run.samplesPerPrompt;
  const gradients = run.objectives + (run.regularized ? 1 : 0);
  return {
    parameters,
    trained,
    workers: [
      run.engines.rollout.name === 'vllm'
        ? vllm(config, run, run.engines.rollout, parameters, trained)
        : rollout(config, run, parameters, trained),
      run.engines.gradient.name === 'pytorch'
        ? pytorch(config, run, run.engines.gradient, parameters, trained, gradients)
        : gradient(config, run, parameters, trained, gradients),
      coordinator(run, trained, gradients),
    ],
    gathering: gathering(config, run),
    sampledAtOnce: sampledAtOnce(run),
    cacheBytesPerToken:
      run.engines.rollout.name === 'vllm'
        ? cacheBytesPerToken(config, 1)
        : (run.precision === 'float16' ? half : float) * 2 * config.layers * config.keyValueHeads * config.headWidth,
    operations: operations(config, run, parameters, sequences),
    transfers: {
      version: float * trained,
      gradients: float * trained * gradients * run.shards * run.updates,
    },
  };
}

/**
 * The frozen weights. On the CPU they are mapped once for all sessions, and for small models each session also packs a copy. On a GPU each
 * session has its own copy.
 */
function frozen(
  { vocabulary, width, tiedEmbeddings }: DecoderConfig,
  { device, lora, precision }: RunExtents,
  parameters: number,
  sessions: number,
): readonly Part[] {
  if (lora === undefined) return [];
  const host = device === 'cpu';
  if (!host && precision === 'float16') {
    // The token table stays float32. If it is also the output projection, the product uses a float16 copy.
    const table = vocabulary * width;
    const multiplied = tiedEmbeddings ? parameters : parameters - table;
    const bytes = float * table + half * multiplied;
    const formula = `(2 · ${multiplied} in products + 4 · ${table} in the token table)${times(sessions, 'sessions')}`;
    return [part('weights', bytes * sessions, formula, true)];
  }
  const bytes = float * parameters;
  const copies = host ? 1 : sessions;
  const weights = part('weights', bytes * copies, `4 · ${parameters} parameters${times(copies, 'sessions')}`, !host);
  if (!host || bytes > largestPacked) return [weights];
  return [
    weights,
    part('packed weights', bytes * sessions, `4 · ${parameters} parameters${times(sessions, 'sessions')}`),
  ];
}

function versions(trained: number, count: number): Part {
  return part('versions', float * trained * count, `4 · ${trained} trained${times(count, 'versions')}`);
}

/** Returns the completions that a rollout worker may have in progress. */
export function mostAtOnce({ batch, engines: { rollout: engine } }: RunExtents): number {
  return engine.name === 'native' ? batch : engine.concurrency;
}

function sampledAtOnce(run: RunExtents): number {
  return Math.min(completionsOfShard(run), mostAtOnce(run));
}

/** Completions of the largest shard. */
function completionsOfShard({ promptsPerStep, samplesPerPrompt, shards }: RunExtents): number {
  return Math.ceil(promptsPerStep / shards) * samplesPerPrompt;
}

function rollout(config: DecoderConfig, run: RunExtents, parameters: number, trained: number): Worker {
  const { layers, keyValueHeads, headWidth, vocabulary } = config;
  const prompts = Math.ceil(run.promptsPerStep / run.shards);
  const rows = sampledAtOnce(run);
  const positions = run.promptTokens + run.completionTokens;
  const cache = 2 * layers * keyValueHeads * headWidth * positions * rows;
  const reading = activationBytes(
    config,
    { rows: prompts, length: run.promptTokens, completions: 0 },
    'nothing',
    run.precision,
  );
  const device = run.device !== 'cpu';
  return worker('rollout', run.shards, 1, [
    service('worker'),
    ...frozen(config, run, parameters, 2),
    versions(trained, workerVersions),
    part(
      'KV cache',
      2 * float * cache,
      `4 · 2 · ${layers} layers · ${keyValueHeads} heads · ${headWidth} · ${positions} positions · ${rows} sequences, before and after an extension`,
    ),
    ...(device
      ? [
          part(
            'working KV cache',
            (run.precision === 'float16' ? float + half : float) * cache,
            `a copy in use${run.precision === 'float16' ? ', and in float16' : ''}`,
            true,
          ),
        ]
      : []),
    part(
      'prompt activations',
      reading,
      `${prompts} prompts of ${run.promptTokens} tokens, one layer at a time`,
      device,
    ),
    part('logits', 4 * float * rows * vocabulary, `4 · 4 · ${rows} sequences · ${vocabulary} tokens`, device),
  ]);
}

function gradient(
  config: DecoderConfig,
  run: RunExtents,
  parameters: number,
  trained: number,
  gradients: number,
): Worker {
  const device = run.device !== 'cpu';
  const { rows, bytes } = microBatch(config, run);
  const length = run.promptTokens + run.completionTokens;
  // One session for log-probabilities, one for gradients and, if the ratio of an update is not 1, a second one for gradients with clipping.
  const clipped = run.updates > 1 || run.staleness > 0;
  const sessions = (run.reference || run.current ? 1 : 0) + (clipped ? 2 : 1);
  return worker('gradient', run.shards, 1, [
    service('worker'),
    ...frozen(config, run, parameters, sessions),
    versions(trained, workerVersions),
    part(
      'gradients',
      gradientCopies * float * trained * gradients,
      `3 · 4 · ${trained} trained · ${gradients} (objectives${run.regularized ? ' and regularisers' : ''})`,
    ),
    part(
      'activations',
      bytes,
      `${rows} sequences of ${length} tokens at a time${run.recompute ? ', layers recomputed' : ''}`,
      device,
    ),
  ]);
}

/** Returns the largest micro-batch within the budget, at least one sequence, and its bytes. */
function microBatch(
  config: DecoderConfig,
  run: RunExtents,
  keeps: 'layers' | 'inputs' | 'nothing' = run.recompute ? 'inputs' : 'layers',
): { readonly rows: number; readonly bytes: number } {
  const { promptTokens, completionTokens } = run;
  const { gradient } = run.engines;
  const bytesOf = (rows: number): number => {
    const extents = { rows, length: promptTokens + completionTokens, completions: rows * completionTokens };
    return gradient.name === 'pytorch'
      ? pytorchActivationBytes(config, extents, keeps, operandBytes(run, gradient))
      : activationBytes(config, extents, keeps, run.precision);
  };
  const most = Math.ceil(completionsOfShard(run) / gpusOf(gradient));
  const rows = Math.max(1, Math.min(most, Math.floor(run.activationBudget / bytesOf(1))));
  return { rows, bytes: bytesOf(rows) };
}

/** Bytes of a frozen weight in PyTorch. With float16 products it stays float32. */
function operandBytes({ precision, lora }: RunExtents, { weights }: GradientEngine & { name: 'pytorch' }): number {
  return weights === 'bfloat16' && precision === 'float32' && lora !== undefined ? half : float;
}

function gathering(config: DecoderConfig, run: RunExtents): Gathering | undefined {
  const { gradient } = run.engines;
  if (gradient.name !== 'pytorch' || gradient.gpus === 1 || run.lora === undefined) return undefined;
  const { layer } = weightsByPlace(config);
  return {
    pass: (operandBytes(run, gradient) * config.layers * layer * (gradient.gpus - 1)) / gradient.gpus,
    rows: { gradients: microBatch(config, run).rows, reference: microBatch(config, run, 'nothing').rows },
  };
}

/** A PyTorch worker (engines/pytorch): its processes share the frozen weights (FSDP2) and the sequences of a shard. */
function pytorch(
  config: DecoderConfig,
  run: RunExtents,
  engine: GradientEngine & { name: 'pytorch' },
  parameters: number,
  trained: number,
  gradients: number,
): Worker {
  const { gpus } = engine;
  const device = run.device !== 'cpu';
  const bytes = operandBytes(run, engine);
  const { rows, bytes: activations } = microBatch(config, run);
  const length = run.promptTokens + run.completionTokens;
  const { layer, outside } = weightsByPlace(config);
  /** Per process: on its GPU, or on the host, which holds all processes. */
  const own = (what: string, size: number, formula: string): Part =>
    device ? part(what, size, formula, true) : part(what, size * gpus, `${formula}${times(gpus, 'processes')}`);
  const frozenParts =
    run.lora === undefined
      ? []
      : [
          own(
            'weights',
            (bytes * parameters) / gpus,
            `${bytes} · ${parameters} parameters${gpus > 1 ? ` / ${gpus}` : ''}`,
          ),
          ...(gpus > 1
            ? [
                own(
                  'gathered weights',
                  bytes * (gatheredLayers * layer + outside),
                  `${bytes} · (${layer} of a layer · ${gatheredLayers} + ${outside} outside of layers)`,
                ),
              ]
            : []),
        ];
  const loading =
    run.lora !== undefined && device && gpus > 1
      ? [part('weights, while they are read', gpus * bytes * parameters, `${bytes} · ${parameters} parameters${times(gpus, 'processes')}`)] // prettier-ignore
      : [];
  return worker('gradient', run.shards, gpus, [
    part('process', gpus * process.pytorch, `Python and the libraries, measured${times(gpus, 'processes')}`),
    ...loading,
    ...frozenParts,
    own(run.lora === undefined ? 'weights' : 'adapters', float * trained, `4 · ${trained} trained`),
    own(
      'gradients',
      pytorchGradientCopies * float * trained * gradients,
      `2 · 4 · ${trained} trained · ${gradients} (objectives${run.regularized ? ' and regularisers' : ''})`,
    ),
    own(
      'activations',
      activations,
      `${rows} sequences of ${length} tokens at a time${run.recompute ? ', layers recomputed' : ''}`,
    ),
    versions(trained, workerVersions),
    part('gradients that are sent', 2 * float * trained * gradients, `2 · 4 · ${trained} trained · ${gradients}`),
  ]);
}

/** A rollout worker with a vLLM server. The server's own process on the host is not counted. */
function vllm(
  config: DecoderConfig,
  run: RunExtents,
  { gpus }: RolloutEngine & { name: 'vllm' },
  parameters: number,
  trained: number,
): Worker {
  const { layers, keyValueHeads, headWidth } = config;
  const sequences = sampledAtOnce(run);
  const positions = run.promptTokens + run.completionTokens;
  const heads = Math.ceil(keyValueHeads / gpus);
  return worker('rollout', run.shards, gpus, [
    service('worker'),
    versions(trained, workerVersions),
    part('weights', (half * parameters) / gpus, `2 · ${parameters} parameters${gpus > 1 ? ` / ${gpus}` : ''}`, true),
    part('adapters', half * loadedAdapters * trained, `2 · ${trained} trained · ${loadedAdapters} (loaded)`, true),
    part(
      'KV cache',
      cacheBytesPerToken(config, gpus) * positions * sequences,
      `2 · 2 · ${layers} layers · ${heads} heads · ${headWidth} · ${positions} positions · ${sequences} sequences`,
      true,
    ),
  ]);
}

function coordinator({ shards, staleness, updates }: RunExtents, trained: number, gradients: number): Worker {
  const sums = 1 + Math.min(2, shards);
  // Versions that later steps are sampled from are kept as well. With one update per step, the newest of them is among the newest three.
  const ahead = staleness + (staleness > 0 && updates > 1 ? 1 : 0);
  return worker('coordinator', 1, 1, [
    service('coordinator'),
    versions(trained, coordinatorVersions + ahead),
    part('optimiser', 2 * 2 * float * trained, `4 · ${trained} trained · 2 moments, before and after an update`),
    part(
      'gradients',
      sums * float * trained * gradients,
      `4 · ${trained} trained · ${gradients}${times(sums, 'the sum and incoming ones')}`,
    ),
    part(
      'checkpoint',
      (3 + staleness) * float * trained,
      `4 · ${trained} trained · ${3 + staleness}, while it is read`,
    ),
  ]);
}

/**
 * Counts 2 operations per weight and row in the forward pass. A backward pass takes 2 for the activations and, with every weight trained, 2
 * for the weight gradients of each objective. There is one backward pass or, with per-token advantages, one per objective. Recomputed layers
 * count their forward pass twice. The embedding table counts only if it is also the output projection, because tokens are looked up.
 *
 * Native workers run a prompt once for all of its completions, and backward once per objective if that is less.
 */
function operations(config: DecoderConfig, run: RunExtents, parameters: number, sequences: number): Plan['operations'] {
  const { promptsPerStep, promptTokens, completionTokens, objectives, epochs, reference, current } = run;
  const multiplied = parameters - (config.tiedEmbeddings ? 0 : config.vocabulary * config.width);
  const completions = sequences * completionTokens;
  const once = promptsPerStep * promptTokens;
  const each = sequences * promptTokens;
  const isNative = run.engines.gradient.name === 'native';
  const perToken = run.valueHeads > 0;
  const [passes, objectivesOfPass] = perToken ? [objectives, 1] : [1, objectives];
  const shares = isNative && sharingPays(objectivesOfPass, promptsPerStep, sequences);
  const rows = completions + (shares ? once : each);
  const backwardOf = (count: number): number => 2 + (run.lora === undefined ? 2 * count : 0);
  const prompts = shares ? once * objectivesOfPass * backwardOf(1) : each * backwardOf(objectivesOfPass);
  const backward = passes * (completions * backwardOf(objectivesOfPass) + prompts);
  return {
    sampling: 2 * multiplied * (once + completions),
    reference: 2 * multiplied * (completions + (isNative ? once : each)) * (Number(reference) + Number(current)),
    gradients: multiplied * (rows * (run.recompute ? 4 : 2) + backward) * epochs,
  };
}

function service(kind: keyof typeof process): Part {
  return part('process', process[kind], 'Node and the libraries, measured');
}

function part(what: string, bytes: number, formula: string, onDevice = false): Part {
  return { what, bytes, onDevice, formula };
}

function times(count: number, what: string): string {
  return count === 1 ? '' : ` · ${count} (${what})`;
}

function worker(name: Worker['name'], most: number, gpus: number, parts: readonly Part[]): Worker {
  const sum = (onDevice: boolean): number =>
    parts.filter((one) => one.onDevice === onDevice).reduce((total, { bytes }) => total + bytes, 0);
  return { name, most, gpus, parts, hostBytes: sum(false), deviceBytes: sum(true) };
}
