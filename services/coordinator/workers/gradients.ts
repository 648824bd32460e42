/** Log-probabilities, values and gradients: shards go to gradient workers, and are added up in shard order. */
import { addScaled, at } from '@gapo/numeric';
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
} from '@gapo/rpc';
import { sequencesOf, type Batch, type Shard } from '../data/batch.js';
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
  /** [tokens, K] where perToken, else [samples, K]. */
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

/** Vectors or a matrix from gradient workers. */
export type GradientTensors = readonly (Float32Array | Float64Array)[];

/** Name and shape of a tensor. */
export interface ExpectedTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** What the shards of a batch add up to. */
export interface ShardSum {
  readonly tensors: GradientTensors;
  readonly statistics: GradientStatistics;
}

/** Returns the tensors that a worker should have answered with, in each form that is valid. */
type Expectation = (answered: readonly ExpectedTensor[]) => readonly (readonly ExpectedTensor[])[];

/**
 * Computes the gradients of a batch. Shards are summed in shard order in float32, whatever the order of arrival.
 *
 * @throws RpcError, PauseNeeded as WorkerPool.run
 */
export async function batchGradients(
  call: GradientCall,
  input: GradientInput,
  onShard: (shard: Shard, done: Done<unknown>) => void,
): Promise<BatchGradients> {
  const { tensors, statistics } = await sumOfShards(call, input, expectedGradients(input), onShard);
  const flat = tensors as readonly Float32Array[];
  const names = input.loss.objectives.length;
  return { objectives: flat.slice(0, names), regularizer: flat[names], statistics };
}

/** Returns one tensor over all parameters per objective, and one of the regularizers where there are any. */
function expectedGradients({ loss, parameters, returns }: GradientInput): Expectation {
  const shape = [parameters];
  const objectives = loss.objectives.map((name) => ({ name, shape }));
  const all = [...objectives, { name: 'regularizer', shape }];
  if (hasRegularizer(loss)) return () => [all];
  // With value heads there is a regularizer even where its coefficients are 0.
  return () => (returns === undefined ? [objectives] : [objectives, all]);
}

const shown = (tensors: readonly ExpectedTensor[]): string =>
  tensors.map(({ name, shape }) => `${name}[${shape.join()}]`).join(' ');

/**
 * Computes tensors for each shard of a batch and sums them in shard order.
 *
 * @param expectation the names and shapes that workers must answer with
 * @throws RpcError, PauseNeeded as WorkerPool.run
 */
export async function sumOfShards(
  { pool, signal, label }: GradientCall,
  input: GradientInput,
  expectation: Expectation,
  onShard: (shard: Shard, done: Done<unknown>) => void,
): Promise<ShardSum> {
  const sum = new OrderedSum();
  const pieces = input.batch.shards.map(async (shard, order) => {
    const done = await pool.run(`gradients of shard ${shard.number} of ${label}`, signal, (attempt) =>
      shardTensors(attempt, input, shard, expectation),
    );
    sum.add(order, done.value);
    onShard(shard, done);
  });
  await Promise.all(pieces);
  return sum.finish();
}

async function shardTensors(
  { client, options }: Attempt<GradientService>,
  input: GradientInput,
  shard: Shard,
  expectation: Expectation,
): Promise<ShardSum> {
  const broken = (how: string): RpcError =>
    new RpcError('INTERNAL', `the worker answered ${how}`, { method: 'ComputeGradients', target: client.target });
  let assembler: TensorAssembler | undefined;
  let statistics: GradientStatistics | undefined;
  for await (const message of client.ComputeGradients(gradientRequest(input, shard), options)) {
    if (message.header) {
      const { tensors } = message.header;
      const expected = expectation(tensors).map(shown);
      if (!expected.includes(shown(tensors))) throw broken(`gradients ${shown(tensors)}, expected ${expected[0]}`);
      assembler = new TensorAssembler(tensors, { what: `the gradients from ${client.target}` });
    } else if (message.chunk) {
      if (assembler === undefined) throw broken('a chunk before the header');
      assembler.add(message.chunk);
    } else if (message.statistics) statistics = message.statistics;
  }
  if (assembler === undefined || statistics === undefined) throw broken('a stream without header or statistics');
  const tokens = shard.lastToken - shard.firstToken;
  if (statistics.tokens !== tokens) throw broken(`statistics of ${statistics.tokens} tokens, expected ${tokens}`);
  const tensors = assembler.finish().map(({ data }) => {
    if (data instanceof Float32Array || data instanceof Float64Array) return data;
    throw broken('gradients that are not float32 or float64');
  });
  return { tensors, statistics };
}

function hasRegularizer({ klCoefficient, entropyCoefficient, valueCoefficient }: LossSpecInput): boolean {
  return [klCoefficient, entropyCoefficient, valueCoefficient].some((coefficient) => Number(coefficient ?? 0) !== 0);
}

function gradientRequest(input: GradientInput, shard: Shard): ComputeGradientsRequestInput {
  const { loss, advantages, perToken, referenceLogprobs, oldValues, returns } = input;
  const { start, end, firstToken, lastToken } = shard;
  const count = loss.objectives.length;
  const tokens = lastToken - firstToken;
  const [first, last] = perToken ? [firstToken, lastToken] : [start, end];
  const rows = (name: string, values: Float32Array) => {
    const heads = values.length / input.batch.tokens;
    return toTensor(name, [tokens, heads], values.subarray(firstToken * heads, lastToken * heads));
  };
  const flat = (name: string, values: Float32Array) => toTensor(name, [tokens], values.subarray(firstToken, lastToken));
  return {
    policy: input.policy,
    sequences: sequencesOf(input.batch, shard),
    loss,
    advantages: toTensor('advantages', [last - first, count], advantages.subarray(first * count, last * count)),
    oldLogprobs: flat('old_logprobs', input.batch.logprobs),
    ...(referenceLogprobs && { referenceLogprobs: flat('reference_logprobs', referenceLogprobs) }),
    ...(oldValues && { oldValues: rows('old_values', oldValues) }),
    ...(returns && { returns: rows('returns', returns) }),
    shard: shard.number,
  };
}

/** Adds shards in the order of their numbers, each as soon as all before it have arrived. */
class OrderedSum {
  readonly #waiting = new Map<number, ShardSum>();
  #sum: ShardSum | undefined;
  #next = 0;

  add(order: number, shard: ShardSum): void {
    this.#waiting.set(order, shard);
    for (let ready = this.#waiting.get(this.#next); ready !== undefined; ready = this.#waiting.get(this.#next)) {
      this.#waiting.delete(this.#next++);
      this.#sum = this.#sum === undefined ? ready : sumOf(this.#sum, ready);
    }
  }

  finish(): ShardSum {
    if (this.#sum === undefined) throw new RangeError('no shard has any gradients');
    return this.#sum;
  }
}

/** Adds a shard to a sum: tensors in place. */
function sumOf({ tensors, statistics: a }: ShardSum, { tensors: added, statistics: b }: ShardSum): ShardSum {
  tensors.forEach((into, k) => addScaled(into, at(added, k)));
  const statistics: GradientStatistics = {
    tokens: a.tokens + b.tokens,
    klSum: a.klSum + b.klSum,
    entropySum: a.entropySum + b.entropySum,
    clipped: a.clipped.map((count, k) => count + (b.clipped[k] ?? 0)),
    maxLogprobGap: Math.max(a.maxLogprobGap, b.maxLogprobGap),
    valueLossSum: a.valueLossSum.map((loss, k) => loss + (b.valueLossSum[k] ?? 0)),
  };
  return { tensors, statistics };
}
