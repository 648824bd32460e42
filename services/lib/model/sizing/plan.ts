/**
 * What the processes of a run need: memory by part, operations and bytes on the way for each step. Computed from extents
 * alone, in the way in which the services hold their tensors.
 */
import { activationBytes } from './activations.js';
import {
  type DecoderConfig,
  type LoraSpec,
  type TensorShape,
  decoderTensors,
  sizeOf,
  trainableTensors,
} from '@gapo/model';

/** What of a run decides its size. */
export interface RunExtents {
  readonly device: 'cpu' | 'cuda';
  /** Absent: every weight is trained. */
  readonly lora: LoraSpec | undefined;
  readonly objectives: number;
  /** One critic an objective, or none. */
  readonly valueHeads: number;
  readonly promptsPerStep: number;
  readonly samplesPerPrompt: number;
  /** Completions of a shard that are sampled at once, at the most. */
  readonly batch: number;
  readonly shards: number;
  /** Tokens of a prompt. */
  readonly promptTokens: number;
  /** Tokens of the longest completion. */
  readonly completionTokens: number;
  /** Updates of a step. */
  readonly updates: number;
  /** Times that a step's batch is gone through. */
  readonly epochs: number;
  /** Whether log-probabilities under the reference are asked for. */
  readonly reference: boolean;
  /** Whether KL, entropy or value losses have a gradient of their own. */
  readonly regularized: boolean;
  /** What matrix products are computed in. */
  readonly precision: 'float32' | 'float16';
  /** Bytes for the activations of a micro-batch. */
  readonly activationBudget: number;
  /** Whether backward passes compute each layer again instead of keeping what it computed. */
  readonly recompute: boolean;
}

/** A part of a process's memory. */
export interface Part {
  readonly what: string;
  readonly bytes: number;
  /** On the device, where that is not the processor. */
  readonly onDevice: boolean;
  /** How it is made up, with its numbers. */
  readonly formula: string;
}

/** A kind of process. */
export interface Worker {
  readonly name: 'rollout' | 'gradient' | 'coordinator';
  /** More of them than this have nothing to do. */
  readonly most: number;
  readonly parts: readonly Part[];
  /** Memory of the host. */
  readonly hostBytes: number;
  /** Memory of the device; 0 with device: cpu. */
  readonly deviceBytes: number;
}

/** The plan of a run. */
export interface Plan {
  /** Elements of all weights. */
  readonly parameters: number;
  /** Elements that are trained. */
  readonly trained: number;
  readonly workers: readonly Worker[];
  /** Floating-point operations of one step, attention scores left out. */
  readonly operations: { readonly sampling: number; readonly reference: number; readonly gradients: number };
  /** Bytes on the way in one step: of a version to one worker, of all gradients to the coordinator. */
  readonly transfers: { readonly version: number; readonly gradients: number };
}

const float = 4;
const half = 2;
const mib = 2 ** 20;
/** A service that has worked for a while on next to nothing, with the tensor runtime and without it: measured. */
const process = { worker: 160 * mib, coordinator: 130 * mib } as const;
/** The runtime lays weights out a second time for its kernels, in models up to this size. */
const largestPacked = 256 * mib;
/** Versions that a worker holds: the reference, the current one and the one before; and one more on its way to the thread. */
const workerVersions = 4;
/** Versions that the coordinator holds: 0 and the newest three. */
const coordinatorVersions = 4;
/** Gradients leave the runtime, are put together, and go to the thread that sends them. */
const gradientCopies = 3;

const elements = (tensors: readonly TensorShape[]): number =>
  tensors.reduce((total, { shape }) => total + sizeOf(shape), 0);

/** The plan of a run of a decoder. */
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
      rollout(config, run, parameters, trained),
      gradient(config, run, parameters, trained, gradients),
      coordinator(run, trained, gradients),
    ],
    operations: operations(config, run, parameters, sequences),
    transfers: {
      version: float * trained,
      gradients: float * trained * gradients * run.shards * run.updates,
    },
  };
}

/**
 * The frozen weights. On the processor they are mapped once for all sessions and, where they are few, laid out a second time by
 * each; on another device each session has them.
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
    // Tokens are looked up in a table of float32; where it is the output projection too, that product has its own.
    const table = vocabulary * width;
    const multiplied = tiedEmbeddings ? parameters : parameters - table;
    const bytes = float * table + half * multiplied;
    const formula = `(2 · ${multiplied} in products + 4 · ${table} in the table of tokens)${times(sessions, 'sessions')}`;
    return [part('weights', bytes * sessions, formula, true)];
  }
  const bytes = float * parameters;
  const copies = host ? 1 : sessions;
  const weights = part('weights', bytes * copies, `4 · ${parameters} parameters${times(copies, 'sessions')}`, !host);
  if (!host || bytes > largestPacked) return [weights];
  return [
    weights,
    part('weights laid out', bytes * sessions, `4 · ${parameters} parameters${times(sessions, 'sessions')}`),
  ];
}

function versions(trained: number, count: number): Part {
  return part('versions', float * trained * count, `4 · ${trained} trained${times(count, 'versions')}`);
}

function rollout(config: DecoderConfig, run: RunExtents, parameters: number, trained: number): Worker {
  const { layers, keyValueHeads, headWidth, vocabulary } = config;
  const prompts = Math.ceil(run.promptsPerStep / run.shards);
  const rows = Math.min(prompts * run.samplesPerPrompt, run.batch);
  const positions = run.promptTokens + run.completionTokens;
  const cache = 2 * layers * keyValueHeads * headWidth * positions * rows;
  const reading = activationBytes(
    config,
    { rows: prompts, length: run.promptTokens, completions: 0 },
    'nothing',
    run.precision,
  );
  const device = run.device !== 'cpu';
  return worker('rollout', run.shards, [
    service('worker'),
    ...frozen(config, run, parameters, 2),
    versions(trained, workerVersions),
    part(
      'KV cache',
      2 * float * cache,
      `4 · 2 · ${layers} layers · ${keyValueHeads} heads · ${headWidth} · ${positions} positions · ${rows} sequences, before and after a stretch`,
    ),
    ...(device
      ? [
          part(
            'KV cache in work',
            (run.precision === 'float16' ? float + half : float) * cache,
            `once more where it is computed with${run.precision === 'float16' ? ', and in float16' : ''}`,
            true,
          ),
        ]
      : []),
    part('prompts in work', reading, `${prompts} prompts of ${run.promptTokens} tokens, one layer at a time`, device),
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
  // Log-probabilities have a session of their own; where a token may be clipped there are two graphs of gradients.
  const sessions = (run.reference || run.valueHeads > 0 ? 1 : 0) + (run.updates > 1 ? 2 : 1);
  return worker('gradient', run.shards, [
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
      `${rows} sequences of ${length} tokens at a time${run.recompute ? ', layers computed again' : ''}`,
      device,
    ),
  ]);
}

/** The largest micro-batch within the budget, and its bytes; one sequence at least. */
function microBatch(config: DecoderConfig, run: RunExtents): { readonly rows: number; readonly bytes: number } {
  const { promptTokens, completionTokens } = run;
  const bytesOf = (rows: number): number =>
    activationBytes(
      config,
      { rows, length: promptTokens + completionTokens, completions: rows * completionTokens },
      run.recompute ? 'inputs' : 'layers',
      run.precision,
    );
  const most = Math.ceil(run.promptsPerStep / run.shards) * run.samplesPerPrompt;
  const rows = Math.max(1, Math.min(most, Math.floor(run.activationBudget / bytesOf(1))));
  return { rows, bytes: bytesOf(rows) };
}

function coordinator({ shards }: RunExtents, trained: number, gradients: number): Worker {
  const sums = 1 + Math.min(2, shards);
  return worker('coordinator', 1, [
    service('coordinator'),
    versions(trained, coordinatorVersions),
    part('optimiser', 2 * 2 * float * trained, `4 · ${trained} trained · 2 moments, before and after an update`),
    part(
      'gradients',
      sums * float * trained * gradients,
      `4 · ${trained} trained · ${gradients}${times(sums, 'sum and what arrives')}`,
    ),
    part('checkpoint', 3 * float * trained, `4 · ${trained} trained · 3, while it is written`),
  ]);
}

/**
 * Two operations for each weight and token forward; backward two more for the activations, and with every weight trained two for
 * each objective's weight gradients; layers that are computed again count twice forward. The embedding table is looked up; where it is the output projection too, that counts.
 */
function operations(config: DecoderConfig, run: RunExtents, parameters: number, sequences: number): Plan['operations'] {
  const { promptTokens, completionTokens, objectives, epochs, reference } = run;
  const multiplied = parameters - (config.tiedEmbeddings ? 0 : config.vocabulary * config.width);
  const whole = sequences * (promptTokens + completionTokens);
  const drawn = run.promptsPerStep * promptTokens + sequences * completionTokens;
  const backward = (run.lora === undefined ? 2 + 2 * objectives : 2) + (run.recompute ? 2 : 0);
  return {
    sampling: 2 * multiplied * drawn,
    reference: reference ? 2 * multiplied * whole : 0,
    gradients: (2 + backward) * multiplied * whole * epochs,
  };
}

function service(kind: keyof typeof process): Part {
  return part('process', process[kind], 'node and the libraries, measured');
}

function part(what: string, bytes: number, formula: string, onDevice = false): Part {
  return { what, bytes, onDevice, formula };
}

function times(count: number, what: string): string {
  return count === 1 ? '' : ` · ${count} (${what})`;
}

function worker(name: Worker['name'], most: number, parts: readonly Part[]): Worker {
  const sum = (onDevice: boolean): number =>
    parts.filter((one) => one.onDevice === onDevice).reduce((total, { bytes }) => total + bytes, 0);
  return { name, most, parts, hostBytes: sum(false), deviceBytes: sum(true) };
}
