/** Log-probabilities, values and gradients: shards go to gradient workers, and are added up in shard order. */
import { gradientArrays, gramFromMatrix, gramMatrix, type Gram } from '@gapo/objectives';
import {
  fromTensor,
  RpcError,
  TensorAssembler,
  toTensor,
  type ComputeGradientsRequestInput,
  type GradientStatistics,
  type LossSpecInput,
  type PolicyRefInput,
  type Tensor,
  type TensorHeader,
} from '@gapo/rpc';
import { columns, sequencesOf, type Batch, type Shard } from '../data/batch.js';
import type { Attempt, Done, WorkerPool } from './workers.js';

type GradientService = 'gapo.gradient.v1.GradientService';

/** Gradient workers. */
export type GradientPool = WorkerPool<GradientService>;

/** Log-probabilities of a batch under a policy version. */
export interface BatchLogProbs {
  /** [tokens]. */
  readonly logprobs: Float32Array;
  /** [tokens, heads]; undefined where the policy has no value heads. */
  readonly values: Float32Array | undefined;
}

/** Where a batch's numbers are computed. */
export interface GradientCall {
  readonly pool: GradientPool;
  readonly signal: AbortSignal;
  /** What the pieces are called in logs, as `step 12`. */
  readonly label: string;
}

/** What log-probabilities are asked for. */
export interface LogProbsInput {
  readonly policy: PolicyRefInput;
  readonly batch: Batch;
  readonly temperature: number;
  /** Value heads that must be there. @default 0: none are asked for */
  readonly heads?: number;
  /** A version of the same run that workers may begin to pull meanwhile. */
  readonly nextVersion?: number;
}

/**
 * The log-probability of every completion token, and the values where the policy has heads.
 *
 * @throws RpcError, PauseNeeded as WorkerPool.run
 */
export async function batchLogProbs(
  { pool, signal, label }: GradientCall,
  { policy, batch, temperature, heads = 0, nextVersion = 0 }: LogProbsInput,
  onShard: (shard: Shard) => void,
): Promise<BatchLogProbs> {
  const logprobs = new Float32Array(batch.tokens);
  const values = heads > 0 ? new Float32Array(batch.tokens * heads) : undefined;
  const pieces = batch.shards.map(async (shard) => {
    const { firstToken, lastToken, number } = shard;
    const tokens = lastToken - firstToken;
    await pool.run(`log-probabilities of shard ${number} of ${label}`, signal, async ({ client, options }) => {
      const request = { policy, sequences: sequencesOf(batch, shard), temperature, nextVersion };
      const response = await client.LogProbs(request, options);
      logprobs.set(elements(response.logprobs, [tokens], 'logprobs', client.target), firstToken);
      values?.set(elements(response.values, [tokens, heads], 'values', client.target), firstToken * heads);
    });
    onShard(shard);
  });
  await Promise.all(pieces);
  return { logprobs, values };
}

/** The elements of a worker's tensor, checked: its shape, and that every one is finite. */
function elements(tensor: Tensor | null, shape: readonly number[], what: string, target: string): Float32Array {
  const broken = (how: string): RpcError =>
    new RpcError('INTERNAL', `the worker answered ${what} ${how}`, { method: 'LogProbs', target });
  if (tensor === null) throw broken('not at all');
  const { data, shape: found } = fromTensor(tensor, 'DATA_TYPE_F32');
  if (found.join() !== shape.join()) throw broken(`of shape [${found.join()}], expected [${shape.join()}]`);
  const odd = data.findIndex((value) => !Number.isFinite(value));
  if (odd >= 0) throw broken(`with ${data[odd]} at element ${odd}`);
  return data;
}

/** What the gradients of a batch are computed from; K objectives. */
export interface GradientInput {
  readonly policy: PolicyRefInput;
  readonly batch: Batch;
  readonly loss: LossSpecInput & { readonly objectives: string[] };
  /** [K, tokens] where perToken, else [K, samples]. */
  readonly advantages: Float32Array;
  readonly perToken: boolean;
  /** [tokens]; undefined where the KL loss has no coefficient. */
  readonly referenceLogprobs: Float32Array | undefined;
  /** [tokens, heads]; undefined without value heads. */
  readonly oldValues: Float32Array | undefined;
  /** [tokens, heads]; undefined without value heads. */
  readonly returns: Float32Array | undefined;
  /** Elements of a gradient. */
  readonly parameters: number;
}

/** Gradients of the whole batch. */
export interface BatchGradients {
  /** One for each objective, in order, [parameters]. */
  readonly objectives: readonly Float32Array[];
  /** Of KL, entropy and value losses; undefined where none has a coefficient. */
  readonly regularizer: Float32Array | undefined;
  readonly statistics: GradientStatistics;
}

/** Something cheaper than the exact gradients, from which the combination's weights can be chosen. */
export type ApproximateSource = 'lastLayer' | 'logits' | { readonly projection: number };

interface ShardGradients {
  readonly gradients: readonly (Float32Array | Float64Array)[];
  readonly statistics: GradientStatistics;
}

/** Whether tensors from a worker are those that were asked for; the words for them otherwise. */
type HeaderCheck = (headers: readonly TensorHeader[]) => string | undefined;

/**
 * The gradients of a batch: the sum of its shards, added in shard order in float32 whatever the order of arrival.
 *
 * @throws RpcError, PauseNeeded as WorkerPool.run
 */
export async function batchGradients(
  call: GradientCall,
  input: GradientInput,
  onShard: (shard: Shard, done: Done<unknown>) => void,
): Promise<BatchGradients> {
  const { gradients, statistics } = await sumOfShards(call, input, exactHeaders(input), onShard);
  const flat = gradients as readonly Float32Array[];
  const names = input.loss.objectives.length;
  return { objectives: flat.slice(0, names), regularizer: flat[names], statistics };
}

/**
 * The Gram matrix of a batch by an approximate source, without any gradient that an update could be made of: shards are
 * added up in shard order, as gradients are, and with `logits` their Gram matrices, since tokens have logits of their own.
 *
 * @param seed of the projection's signs
 * @throws RpcError, PauseNeeded as WorkerPool.run; NonFiniteError naming the objective
 */
export async function approximateGram(
  call: GradientCall,
  input: GradientInput,
  source: ApproximateSource,
  seed: number,
  onShard: (shard: Shard, done: Done<unknown>) => void,
): Promise<Gram> {
  const { objectives } = input.loss;
  const loss = { ...input.loss, ...sourceFields(source, seed) };
  const { gradients } = await sumOfShards(call, { ...input, loss }, approximateHeaders(objectives, source), onShard);
  return source === 'logits' ? gramFromMatrix(gradients[0]!, objectives) : gramMatrix(gradients, objectives);
}

function sourceFields(source: ApproximateSource, seed: number): Partial<LossSpecInput> {
  if (source === 'lastLayer') return { source: 'GRADIENT_SOURCE_LAST_LAYER' };
  if (source === 'logits') return { source: 'GRADIENT_SOURCE_LOGITS' };
  return {
    source: 'GRADIENT_SOURCE_PROJECTION',
    projectionDimensions: source.projection,
    projectionSeed: seed,
  };
}

const shown = (headers: readonly { name: string; shape: readonly number[] }[]): string =>
  headers.map(({ name, shape }) => `${name}[${shape.join()}]`).join(' ');

/** One tensor over all parameters for each objective, and one of the regularisers where there are any. */
function exactHeaders({ loss, parameters, returns }: GradientInput): HeaderCheck {
  const shape = [parameters];
  const objectives = loss.objectives.map((name) => ({ name, shape }));
  const all = [...objectives, { name: 'regularizer', shape }];
  const expected = hasRegularizer(loss) ? all : objectives;
  // With value heads there is one even where its coefficients are 0.
  const taken = returns === undefined ? [expected] : [expected, all];
  return (headers) => (taken.some((wanted) => shown(wanted) === shown(headers)) ? undefined : shown(expected));
}

/** One smaller tensor for each objective, or their Gram matrix. */
function approximateHeaders(objectives: readonly string[], source: ApproximateSource): HeaderCheck {
  return (headers) => {
    const size =
      source === 'lastLayer' ? (headers[0]?.shape[0] ?? 0) : typeof source === 'object' ? source.projection : 0;
    const wanted =
      source === 'logits'
        ? [{ name: 'gram', shape: [objectives.length, objectives.length] }]
        : objectives.map((name) => ({ name, shape: [size] }));
    return shown(wanted) === shown(headers) ? undefined : shown(wanted);
  };
}

async function sumOfShards(
  { pool, signal, label }: GradientCall,
  input: GradientInput,
  check: HeaderCheck,
  onShard: (shard: Shard, done: Done<unknown>) => void,
): Promise<ShardGradients> {
  const sum = new OrderedSum();
  const pieces = input.batch.shards.map(async (shard, order) => {
    const done = await pool.run(`gradients of shard ${shard.number} of ${label}`, signal, (attempt) =>
      // The first shard's arrays are those that the others are added to, and that the Gram matrix is taken of.
      shardGradients(attempt, input, shard, check, order === 0 ? arraysFor : undefined),
    );
    sum.add(order, done.value);
    onShard(shard, done);
  });
  await Promise.all(pieces);
  return sum.finish();
}

async function shardGradients(
  { client, options }: Attempt<GradientService>,
  input: GradientInput,
  shard: Shard,
  check: HeaderCheck,
  arrays?: (headers: readonly TensorHeader[]) => readonly Float32Array[],
): Promise<ShardGradients> {
  const broken = (how: string): RpcError =>
    new RpcError('INTERNAL', `the worker answered ${how}`, { method: 'ComputeGradients', target: client.target });
  let assembler: TensorAssembler | undefined;
  let statistics: GradientStatistics | undefined;
  for await (const message of client.ComputeGradients(gradientRequest(input, shard), options)) {
    if (message.header) {
      const { tensors } = message.header;
      const wanted = check(tensors);
      if (wanted !== undefined) throw broken(`gradients ${shown(tensors)}, expected ${wanted}`);
      const given = arrays?.(tensors);
      assembler = new TensorAssembler(tensors, {
        what: `the gradients from ${client.target}`,
        allocate: given && ((_, index) => given[index]),
      });
    } else if (message.chunk) {
      if (assembler === undefined) throw broken('a chunk before the header');
      assembler.add(message.chunk);
    } else if (message.statistics) statistics = message.statistics;
  }
  if (assembler === undefined || statistics === undefined) throw broken('a stream without header or statistics');
  const tokens = shard.lastToken - shard.firstToken;
  if (statistics.tokens !== tokens) throw broken(`statistics of ${statistics.tokens} tokens, expected ${tokens}`);
  const gradients = assembler.finish().map(({ data }) => {
    if (data instanceof Float32Array || data instanceof Float64Array) return data;
    throw broken('gradients that are not float32 or float64');
  });
  return { gradients, statistics };
}

/** Arrays that the Gram matrix reads in place, for float32 vectors of one length; none for anything else. */
function arraysFor(headers: readonly TensorHeader[]): readonly Float32Array[] {
  const length = headers[0]?.shape[0] ?? 0;
  const alike = headers.every(({ dtype, shape }) => dtype === 'DATA_TYPE_F32' && shape.join() === String(length));
  return alike && length > 0 ? gradientArrays(headers.length, length) : [];
}

function hasRegularizer({ klCoefficient, entropyCoefficient, valueCoefficient }: LossSpecInput): boolean {
  return [klCoefficient, entropyCoefficient, valueCoefficient].some((coefficient) => Number(coefficient ?? 0) !== 0);
}

function gradientRequest(input: GradientInput, shard: Shard): ComputeGradientsRequestInput {
  const { loss, advantages, perToken, referenceLogprobs, oldValues, returns } = input;
  const { start, end, firstToken, lastToken } = shard;
  const count = loss.objectives.length;
  const tokens = lastToken - firstToken;
  const piece = perToken ? columns(advantages, count, firstToken, lastToken) : columns(advantages, count, start, end);
  const rows = (name: string, values: Float32Array) => {
    const heads = values.length / input.batch.tokens;
    return toTensor(name, [tokens, heads], values.subarray(firstToken * heads, lastToken * heads));
  };
  const flat = (name: string, values: Float32Array) => toTensor(name, [tokens], values.subarray(firstToken, lastToken));
  return {
    policy: input.policy,
    sequences: sequencesOf(input.batch, shard),
    loss,
    advantages: toTensor('advantages', [count, perToken ? tokens : end - start], piece),
    oldLogprobs: flat('old_logprobs', input.batch.logprobs),
    ...(referenceLogprobs && { referenceLogprobs: flat('reference_logprobs', referenceLogprobs) }),
    ...(oldValues && { oldValues: rows('old_values', oldValues) }),
    ...(returns && { returns: rows('returns', returns) }),
    shard: shard.number,
  };
}

/** Adds pieces in the order of their numbers, each as soon as all before it are there; later ones wait. */
class OrderedSum {
  readonly #waiting = new Map<number, ShardGradients>();
  #sum: { gradients: (Float32Array | Float64Array)[]; statistics: GradientStatistics } | undefined;
  #next = 0;

  add(order: number, piece: ShardGradients): void {
    this.#waiting.set(order, piece);
    for (let ready = this.#waiting.get(this.#next); ready !== undefined; ready = this.#waiting.get(this.#next)) {
      this.#waiting.delete(this.#next++);
      if (this.#sum === undefined) this.#sum = { gradients: [...ready.gradients], statistics: ready.statistics };
      else this.#sum = addUp(this.#sum, ready);
    }
  }

  finish(): ShardGradients {
    if (this.#sum === undefined) throw new RangeError('no shard has any gradients');
    return this.#sum;
  }
}

function addUp(
  sum: { gradients: (Float32Array | Float64Array)[]; statistics: GradientStatistics },
  { gradients, statistics }: ShardGradients,
): { gradients: (Float32Array | Float64Array)[]; statistics: GradientStatistics } {
  sum.gradients.forEach((into, k) => {
    const from = gradients[k]!;
    for (let i = 0; i < into.length; i++) into[i]! += from[i]!;
  });
  const before = sum.statistics;
  return {
    gradients: sum.gradients,
    statistics: {
      tokens: before.tokens + statistics.tokens,
      klSum: before.klSum + statistics.klSum,
      entropySum: before.entropySum + statistics.entropySum,
      clipped: before.clipped.map((count, k) => count + (statistics.clipped[k] ?? 0)),
      maxLogprobGap: Math.max(before.maxLogprobGap, statistics.maxLogprobGap),
      valueLossSum: before.valueLossSum.map((loss, k) => loss + (statistics.valueLossSum[k] ?? 0)),
    },
  };
}
