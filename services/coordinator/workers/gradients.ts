/** Log-probabilities, values and gradients of a batch: computed by gradient workers, summed in shard order. */
import { addScaled, at } from '@gapo/numeric';
import {
  fromTensor,
  TensorAssembler,
  toTensor,
  type ComputeGradientsRequestInput,
  type GradientStatistics,
  type LossSpecInput,
  type PolicyRefInput,
  type Tensor,
} from '@gapo/rpc';
import { sequencesOf, type Batch, type Shard } from '../data/batch.js';
import { invalidResponse, type Attempt, type JobResult, type WorkerPool } from './workers.js';

type GradientService = 'gapo.gradient.v1.GradientService';

export type GradientPool = WorkerPool<GradientService>;

/** Log-probabilities of a batch under a policy version. */
export interface BatchLogProbs {
  /** [tokens]. */
  readonly logprobs: Float32Array;
  /** [tokens, heads]; undefined without value heads. */
  readonly values: Float32Array | undefined;
}

/** How a batch is sent to gradient workers. */
export interface GradientCall {
  readonly pool: GradientPool;
  readonly signal: AbortSignal;
  /** The request's name in logs, for example `step 12`. */
  readonly label: string;
}

/** The inputs of a log-probability computation. */
export interface LogProbsInput {
  readonly policy: PolicyRefInput;
  readonly batch: Batch;
  readonly temperature: number;
  /** Number of value heads whose values are returned. @default 0 */
  readonly heads?: number;
  /** A version of the same run that workers may prefetch. */
  readonly nextVersion?: number;
}

/**
 * Computes the log-probability of every completion token, and the values of the policy's value heads.
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
  const jobs = batch.shards.map(async (shard) => {
    const { firstToken, lastToken, number } = shard;
    const tokens = lastToken - firstToken;
    const job = { kind: 'log-probabilities', label: `log-probabilities of shard ${number} of ${label}` };
    await pool.run(job, signal, async ({ client, instance, options }) => {
      const request = { policy, sequences: sequencesOf(batch, shard), temperature, nextVersion, instance };
      const response = await client.LogProbs(request, options);
      logprobs.set(elements(response.logprobs, [tokens], 'logprobs', client.target), firstToken);
      values?.set(elements(response.values, [tokens, heads], 'values', client.target), firstToken * heads);
    });
    onShard(shard);
  });
  await Promise.all(jobs);
  return { logprobs, values };
}

/**
 * Returns the elements of a worker's tensor.
 *
 * @throws RpcError if the tensor is missing, has another shape or contains a non-finite number
 */
function elements(tensor: Tensor | null, shape: readonly number[], name: string, target: string): Float32Array {
  const invalid = invalidResponse('LogProbs', target);
  if (tensor === null) throw invalid(`without ${name}`);
  const { data, shape: found } = fromTensor(tensor, 'DATA_TYPE_F32');
  if (found.join() !== shape.join()) throw invalid(`${name} of shape [${found.join()}], expected [${shape.join()}]`);
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw invalid(`${name} with ${data[bad]} at element ${bad}`);
  return data;
}

/** The inputs of the gradients of a batch, for K objectives. */
export interface GradientInput {
  readonly policy: PolicyRefInput;
  readonly batch: Batch;
  readonly loss: LossSpecInput & { readonly objectives: string[] };
  /** [tokens, K] if perToken, otherwise [samples, K]. */
  readonly advantages: Float32Array;
  readonly perToken: boolean;
  /** [tokens]; undefined if the KL coefficient is 0. */
  readonly referenceLogprobs: Float32Array | undefined;
  /** [tokens, heads]; undefined without value heads. */
  readonly oldValues: Float32Array | undefined;
  /** [tokens, heads]; undefined without value heads. */
  readonly returns: Float32Array | undefined;
  /** Number of elements of a gradient. */
  readonly parameters: number;
}

/** Gradients of the whole batch. */
export interface BatchGradients {
  /** One gradient per objective, in order, [parameters]. */
  readonly objectives: readonly Float32Array[];
  /** Gradient of the KL, entropy and value losses; undefined if all their coefficients are 0. */
  readonly regularizer: Float32Array | undefined;
  readonly statistics: GradientStatistics;
}

/** Gradients or a Gram matrix, as gradient workers return them. */
export type GradientTensors = readonly (Float32Array | Float64Array)[];

/** Name and shape of a tensor. */
export interface ExpectedTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** The sum over the shards of a batch. */
export interface ShardSum {
  readonly tensors: GradientTensors;
  readonly statistics: GradientStatistics;
}

/** Returns every valid list of tensors for a response, given the list that the worker announced. */
type Expectation = (answered: readonly ExpectedTensor[]) => readonly (readonly ExpectedTensor[])[];

/**
 * Computes the gradients of a batch. Shards are summed in float32 in shard order, regardless of the order of arrival.
 *
 * @throws RpcError, PauseNeeded as WorkerPool.run
 */
export async function batchGradients(
  call: GradientCall,
  input: GradientInput,
  onShard: (shard: Shard, done: JobResult<unknown>) => void,
): Promise<BatchGradients> {
  const { tensors, statistics } = await sumOfShards(call, input, expectedGradients(input), onShard);
  const flat = tensors as readonly Float32Array[];
  const names = input.loss.objectives.length;
  return { objectives: flat.slice(0, names), regularizer: flat[names], statistics };
}

/** Expects one gradient per objective, and one for the regularizers if there are any. */
function expectedGradients({ loss, parameters, returns }: GradientInput): Expectation {
  const shape = [parameters];
  const objectives = loss.objectives.map((name) => ({ name, shape }));
  const all = [...objectives, { name: 'regularizer', shape }];
  if (hasRegularizer(loss)) return () => [all];
  // With value heads, workers may return a regularizer even if all its coefficients are 0.
  return () => (returns === undefined ? [objectives] : [objectives, all]);
}

const shown = (tensors: readonly ExpectedTensor[]): string =>
  tensors.map(({ name, shape }) => `${name}[${shape.join()}]`).join(' ');

/**
 * Computes tensors for each shard of a batch and sums them in shard order.
 *
 * @param expectation the valid lists of tensors
 * @throws RpcError, PauseNeeded as WorkerPool.run
 */
export async function sumOfShards(
  { pool, signal, label }: GradientCall,
  input: GradientInput,
  expectation: Expectation,
  onShard: (shard: Shard, done: JobResult<unknown>) => void,
): Promise<ShardSum> {
  const sum = new OrderedSum();
  const jobs = input.batch.shards.map(async (shard, order) => {
    const { source } = input.loss;
    const kind = source === undefined ? 'gradients' : `gradients (${source})`;
    const job = { kind, label: `gradients of shard ${shard.number} of ${label}` };
    const done = await pool.run(job, signal, (attempt) => shardTensors(attempt, input, shard, expectation));
    sum.add(order, done.value);
    onShard(shard, done);
  });
  await Promise.all(jobs);
  return sum.finish();
}

async function shardTensors(
  { client, instance, options, alive }: Attempt<GradientService>,
  input: GradientInput,
  shard: Shard,
  expectation: Expectation,
): Promise<ShardSum> {
  const invalid = invalidResponse('ComputeGradients', client.target);
  let assembler: TensorAssembler | undefined;
  let statistics: GradientStatistics | undefined;
  for await (const message of client.ComputeGradients({ ...gradientRequest(input, shard), instance }, options)) {
    alive();
    if (message.header) {
      const { tensors } = message.header;
      const expected = expectation(tensors).map(shown);
      if (!expected.includes(shown(tensors))) throw invalid(`gradients ${shown(tensors)}, expected ${expected[0]}`);
      assembler = new TensorAssembler(tensors, { what: `the gradients from ${client.target}` });
    } else if (message.chunk) {
      if (assembler === undefined) throw invalid('a chunk before the header');
      assembler.add(message.chunk);
    } else if (message.statistics) statistics = message.statistics;
  }
  if (assembler === undefined || statistics === undefined) throw invalid('a stream without header or statistics');
  const tokens = shard.lastToken - shard.firstToken;
  if (statistics.tokens !== tokens) throw invalid(`statistics of ${statistics.tokens} tokens, expected ${tokens}`);
  const tensors = assembler.finish().map(({ data }) => {
    if (data instanceof Float32Array || data instanceof Float64Array) return data;
    throw invalid('gradients that are not float32 or float64');
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

/** Sums shards in order, each as soon as all shards before it have arrived. */
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
    if (this.#sum === undefined) throw new RangeError('the batch has no shards');
    return this.#sum;
  }
}

/** Adds a shard to a sum; the tensors of the sum are modified in place. */
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
