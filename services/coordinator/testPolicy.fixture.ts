/**
 * For the tests of this package: a policy so small that everything about it is known in closed form, and the rollout and
 * gradient services that sample and differentiate it, as real servers on real ports.
 *
 * It is a bandit that is pulled until token 2 comes up: every token is drawn from softmax(z / temperature), where the
 * logits z are the one lora_B tensor of the model in world.fixture.ts, which starts at zero. A value head is its bias alone.
 */
import type { TestContext } from 'node:test';
import { uniform } from '@gapo/numeric';
import {
  connect,
  fromTensor,
  implement,
  serve,
  chunks,
  TensorAssembler,
  toHeader,
  toTensor,
  type ComputeGradientsRequest,
  type ComputeGradientsResponseInput,
  type GenerateRequest,
  type GradientStatisticsInput,
  type GenerateResponseInput,
  type PolicyRef,
  type RunningServer,
} from '@gapo/rpc';

/** Logits of the policy, the end-of-sequence token's among them. */
export const arms = 8;
const end = 2;

/** The parameters of a version, by what they are. */
interface Version {
  readonly logits: Float32Array;
  /** One for each value head. */
  readonly biases: Float32Array;
  /** Where each lies in the flat vector. */
  readonly logitsAt: number;
  readonly biasesAt: number;
  readonly size: number;
  readonly tensors: readonly { readonly name: string; readonly shape: number[] }[];
}

/** What a test may do before a worker answers: wait, fail, end the process. */
export type BeforeAnswer = (call: { method: string; request: unknown; signal: AbortSignal }) => Promise<void> | void;

/** A worker of either kind. */
export interface TestWorker {
  readonly address: string;
  /** How many calls of each method it has answered to the end. */
  readonly answered: Record<string, number>;
  /** Stops it at once, whatever it is doing. */
  kill(): Promise<void>;
}

/** Where the coordinator is; workers are started before it. */
export interface CoordinatorAddress {
  address: string;
}

const deadlineMs = 10_000;

function softmax(logits: Float32Array, temperature: number): Float64Array {
  const scaled = Float64Array.from(logits, (z) => z / temperature);
  const most = Math.max(...scaled);
  const weights = scaled.map((z) => Math.exp(z - most));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** Fetches versions and keeps them by their key, as a stateless worker does. */
class Versions {
  readonly #coordinator: CoordinatorAddress;
  readonly #held = new Map<string, Version>();

  constructor(coordinator: CoordinatorAddress) {
    this.#coordinator = coordinator;
  }

  async get(policy: PolicyRef | null): Promise<Version> {
    const { runId, version } = policy!;
    const key = `${runId}@${version}`;
    const known = this.#held.get(key);
    if (known) return known;
    const client = connect('gapo.policy.v1.PolicyService', this.#coordinator.address);
    try {
      let assembler: TensorAssembler | undefined;
      for await (const { header, chunk } of client.GetVersion({ runId, version }, { deadlineMs })) {
        if (header) assembler = new TensorAssembler(header.tensors, { sha256: header.sha256 });
        if (chunk) assembler!.add(chunk);
      }
      const fetched = read(assembler!.finish().map(({ header, data }) => ({ ...header, data: data as Float32Array })));
      this.#held.set(key, fetched);
      return fetched;
    } finally {
      client.close();
    }
  }
}

function read(tensors: readonly { name: string; shape: number[]; data: Float32Array }[]): Version {
  let [size, logitsAt, biasesAt] = [0, -1, -1];
  let [logits, biases] = [new Float32Array(0), new Float32Array(0)];
  for (const { name, data } of tensors) {
    if (name.includes('lora_B')) [logits, logitsAt] = [Float32Array.from(data), size];
    if (name === 'value_head.bias') [biases, biasesAt] = [Float32Array.from(data), size];
    size += data.length;
  }
  return { logits, biases, logitsAt, biasesAt, size, tensors };
}

async function start(t: TestContext, service: Parameters<typeof serve>[0]['services'][number]): Promise<RunningServer> {
  const server = await serve({ address: '127.0.0.1:0', services: [service], shutdownGraceMs: 0 });
  t.after(() => server.stop());
  return server;
}

/** A rollout worker. */
export async function rolloutWorker(
  t: TestContext,
  coordinator: CoordinatorAddress,
  before: BeforeAnswer = () => undefined,
): Promise<TestWorker> {
  const versions = new Versions(coordinator);
  const answered = { Generate: 0 };
  const service = implement('gapo.rollout.v1.RolloutService', {
    async *Generate(request, { signal }) {
      await before({ method: 'Generate', request, signal });
      const version = await versions.get(request.policy);
      yield* generate(request, version);
      answered.Generate += 1;
    },
  });
  const server = await start(t, service);
  return { address: server.address, answered, kill: () => server.stop() };
}

function* generate(request: GenerateRequest, { logits }: Version): Generator<GenerateResponseInput> {
  const { temperature, maxNewTokens, samplesPerPrompt } = request.sampling!;
  const greedy = temperature === 0;
  const probabilities = softmax(logits, greedy ? 1 : temperature);
  const draw = (u: number): number => {
    let sum = 0;
    for (let token = 0; token < arms; token++) if (u < (sum += probabilities[token]!)) return token;
    return arms - 1;
  };
  const best = probabilities.indexOf(Math.max(...probabilities));
  // Later prompts first: the order of arrival must not matter.
  for (let prompt = request.prompts.length - 1; prompt >= 0; prompt--) {
    for (let sample = 0; sample < samplesPerPrompt; sample++) {
      const tokenIds: number[] = [];
      while (tokenIds.length < maxNewTokens && tokenIds.at(-1) !== end) {
        const { index } = request.prompts[prompt]!;
        tokenIds.push(greedy ? best : draw(uniform(request.seed, request.step, index, sample, tokenIds.length)));
      }
      const logprobs = Float32Array.from(tokenIds, (token) => Math.log(probabilities[token]!));
      const finishReason = tokenIds.at(-1) === end ? 'FINISH_REASON_STOP' : 'FINISH_REASON_LENGTH';
      yield { completions: [{ prompt, sample, tokenIds, logprobs: Buffer.from(logprobs.buffer), finishReason }] };
    }
  }
}

/** A gradient worker. */
export async function gradientWorker(
  t: TestContext,
  coordinator: CoordinatorAddress,
  before: BeforeAnswer = () => undefined,
): Promise<TestWorker> {
  const versions = new Versions(coordinator);
  const answered = { LogProbs: 0, ComputeGradients: 0 };
  const service = implement('gapo.gradient.v1.GradientService', {
    async LogProbs(request, { signal }) {
      await before({ method: 'LogProbs', request, signal });
      const { logits, biases } = await versions.get(request.policy);
      const probabilities = softmax(logits, request.temperature);
      const tokens = request.sequences.flatMap(({ completionIds }) => completionIds);
      const values = tokens.flatMap(() => [...biases]);
      const shape = [tokens.length, biases.length];
      answered.LogProbs += 1;
      return {
        logprobs: toTensor(
          'logprobs',
          [tokens.length],
          Float32Array.from(tokens, (token) => Math.log(probabilities[token]!)),
        ),
        ...(biases.length > 0 && { values: toTensor('values', shape, Float32Array.from(values)) }),
      };
    },
    async *ComputeGradients(request, { signal }) {
      await before({ method: 'ComputeGradients', request, signal });
      yield* gradients(request, await versions.get(request.policy));
      answered.ComputeGradients += 1;
    },
  });
  const server = await start(t, service);
  return { address: server.address, answered, kill: () => server.stop() };
}

/** ∇ of every objective's clipped surrogate and of the regularisers, in closed form: ∂ log π(a)/∂z = (1[a] − π)/T. */
function* gradients(request: ComputeGradientsRequest, version: Version): Generator<ComputeGradientsResponseInput> {
  const loss = request.loss!;
  const { temperature, denominator, clipRange, objectives } = loss;
  const count = objectives.length;
  const advantages = fromTensor(request.advantages, 'DATA_TYPE_F32');
  const old = fromTensor(request.oldLogprobs, 'DATA_TYPE_F32').data;
  const reference = request.referenceLogprobs ? fromTensor(request.referenceLogprobs, 'DATA_TYPE_F32').data : undefined;
  const oldValues = request.oldValues ? fromTensor(request.oldValues, 'DATA_TYPE_F32').data : undefined;
  const returns = request.returns ? fromTensor(request.returns, 'DATA_TYPE_F32').data : undefined;
  const probabilities = softmax(version.logits, temperature);
  const tokens = request.sequences.flatMap(({ completionIds }) => completionIds);
  const sequenceOf = request.sequences.flatMap(({ completionIds }, s) => completionIds.map(() => s));
  const perToken = advantages.shape[1] === tokens.length && tokens.length !== request.sequences.length;
  const width = advantages.shape[1]!;
  const sums = Array.from({ length: count + 1 }, () => new Float64Array(version.size));
  const addLogprobGradient = (into: Float64Array, token: number, scale: number): void => {
    for (let arm = 0; arm < arms; arm++) {
      into[version.logitsAt + arm]! += (scale * ((arm === token ? 1 : 0) - probabilities[arm]!)) / temperature;
    }
  };
  const clipped = new Array<number>(count).fill(0);
  const valueLossSum = new Array<number>(version.biases.length).fill(0);
  let [klSum, entropySum, maxLogprobGap] = [0, 0, 0];
  const entropy = -probabilities.reduce((sum, p) => sum + p * Math.log(p), 0);
  /** Slope of each objective in the log-probability of each token. */
  const tokenSlopes = tokens.map(() => new Float64Array(count));
  tokens.forEach((token, i) => {
    const logprob = Math.log(probabilities[token]!);
    const ratio = Math.exp(logprob - old[i]!);
    maxLogprobGap = Math.max(maxLogprobGap, Math.abs(logprob - old[i]!));
    for (let k = 0; k < count; k++) {
      const advantage = advantages.data[k * width + (perToken ? i : sequenceOf[i]!)]!;
      const isClipped = advantage > 0 ? ratio > 1 + clipRange : ratio < 1 - clipRange;
      if (isClipped) clipped[k]! += 1;
      else {
        tokenSlopes[i]![k] = (ratio * advantage) / denominator;
        addLogprobGradient(sums[k]!, token, tokenSlopes[i]![k]!);
      }
    }
    const regularizer = sums[count]!;
    if (reference) {
      const gap = logprob - reference[i]!;
      klSum += (gap * gap) / 2;
      addLogprobGradient(regularizer, token, (-loss.klCoefficient * gap) / denominator);
    }
    entropySum += entropy;
    for (let arm = 0; arm < arms; arm++) {
      const p = probabilities[arm]!;
      regularizer[version.logitsAt + arm]! +=
        (loss.entropyCoefficient * -p * (Math.log(p) + entropy)) / temperature / denominator;
    }
    version.biases.forEach((bias, k) => {
      const target = returns![i * version.biases.length + k]!;
      valueLossSum[k]! += (bias - target) ** 2 / 2;
      const free =
        loss.valueClip === 0 || Math.abs(bias - oldValues![i * version.biases.length + k]!) <= loss.valueClip;
      if (free) regularizer[version.biasesAt + k]! -= (loss.valueCoefficient * (bias - target)) / denominator;
    });
  });
  const exact = loss.source === 'GRADIENT_SOURCE_UNSPECIFIED' || loss.source === 'GRADIENT_SOURCE_EXACT';
  if (!exact) {
    const statistics = { tokens: tokens.length, klSum: 0, entropySum: 0, clipped, maxLogprobGap, valueLossSum: [] };
    yield* approximations(request, sums.slice(0, count), version, tokenSlopes, probabilities, statistics);
    return;
  }
  const coefficients = [loss.klCoefficient, loss.entropyCoefficient, loss.valueCoefficient];
  const regularized = request.returns !== null || coefficients.some((coefficient) => coefficient !== 0);
  const flat = sums.slice(0, regularized ? count + 1 : count).map((sum) => Float32Array.from(sum));
  const names = [...objectives, 'regularizer'];
  yield { header: { tensors: flat.map((data, k) => toHeader(names[k]!, [version.size], data)), parameters: [] } };
  for (const chunk of chunks(flat)) yield { chunk };
  yield { statistics: { tokens: tokens.length, klSum, entropySum, clipped, maxLogprobGap, valueLossSum } };
}

/** What the cheaper sources answer instead of the gradients. */
function* approximations(
  { loss, sequences }: ComputeGradientsRequest,
  sums: readonly Float64Array[],
  { logitsAt, size }: Version,
  tokenSlopes: readonly Float64Array[],
  probabilities: Float64Array,
  statistics: GradientStatisticsInput,
): Generator<ComputeGradientsResponseInput> {
  const { objectives, source, projectionDimensions, projectionSeed } = loss!;
  const count = objectives.length;
  let flat: (Float32Array | Float64Array)[];
  if (source === 'GRADIENT_SOURCE_LOGITS') {
    const gram = new Float64Array(count * count);
    const tokens = sequences.flatMap(({ completionIds }) => completionIds);
    tokens.forEach((token, n) => {
      const squares = probabilities.reduce((sum, p, arm) => sum + ((arm === token ? 1 : 0) - p) ** 2, 0);
      for (let i = 0; i < count; i++) {
        for (let j = 0; j < count; j++) gram[i * count + j]! += tokenSlopes[n]![i]! * tokenSlopes[n]![j]! * squares;
      }
    });
    flat = [gram];
  } else if (source === 'GRADIENT_SOURCE_PROJECTION') {
    const sign = (row: number, i: number): number => (uniform(projectionSeed, row, i) < 0.5 ? -1 : 1);
    flat = sums.map((sum) =>
      Float32Array.from({ length: projectionDimensions }, (_, row) => {
        let projected = 0;
        for (let i = 0; i < size; i++) projected += sign(row, i) * sum[i]!;
        return projected / Math.sqrt(projectionDimensions);
      }),
    );
  } else flat = sums.map((sum) => Float32Array.from(sum.subarray(logitsAt, logitsAt + arms)));
  const tensors =
    source === 'GRADIENT_SOURCE_LOGITS'
      ? [toHeader('gram', [count, count], flat[0]!)]
      : flat.map((data, k) => toHeader(objectives[k]!, [data.length], data));
  yield { header: { tensors, parameters: [] } };
  for (const chunk of chunks(flat)) yield { chunk };
  yield { statistics };
}
