/** gapo.gradient.v1: pulls the version, computes in the tensor thread and streams the gradients. */
import type { ShardInput, Sequence as TokenSequence } from '@gapo/policy';
import {
  type ComputeGradientsRequest,
  type GradientStatisticsInput,
  type Implementation,
  type LossSpec,
  type ResponseInput,
  RpcError,
  type Sequence,
  type Tensor,
  type TensorHeader,
  chunks,
  fromTensor,
  implement,
  toTensor,
} from '@gapo/rpc';
import type { WorkerThread } from '@gapo/service';
import { attributeNames, spanNames, withSpan } from '@gapo/tracing';
import { type RequestedPolicy, VersionStore, requestedPolicy } from '@gapo/worker';
import type { GradientTask, computeGradients, gramOfLogits, logProbs } from './gradientThread.js';

/** The tasks of the gradient service's tensor thread. */
export type GradientTasks = {
  readonly logProbs: typeof logProbs;
  readonly computeGradients: typeof computeGradients;
  readonly gramOfLogits: typeof gramOfLogits;
};

/** The name of the regularizer's gradient on the wire. */
const regularizerName = 'regularizer';

/** Creates the gradient service. */
export function gradientService(versions: VersionStore, thread: WorkerThread<GradientTasks>): Implementation {
  return implement('gapo.gradient.v1.GradientService', {
    async LogProbs(request, { signal }) {
      const policy = requestedPolicy(request.policy);
      const sequences = toSequences(request.sequences);
      const { tensors } = await versions.get(policy.runId, policy.version, policy.engine);
      if (request.nextVersion > 0) versions.expect(policy.runId, request.nextVersion, policy.engine);
      signal.throwIfAborted();
      const task = { engine: policy.engine, version: tensors, sequences, temperature: request.temperature };
      const attributes = { ...policyAttributes(policy), [attributeNames.sequences]: sequences.length };
      const { logprobs, values } = await withSpan(spanNames.gradientLogProbs, attributes, () =>
        thread.run('logProbs', task),
      );
      return {
        logprobs: toTensor('logprobs', [logprobs.length], logprobs),
        ...(values === undefined ? {} : { values: toTensor('values', [logprobs.length, values.heads], values.data) }),
      };
    },

    async *ComputeGradients(request, { signal }) {
      const policy = requestedPolicy(request.policy);
      const { input, loss } = shardInput(request);
      const { tensors } = await versions.get(policy.runId, policy.version, policy.engine);
      signal.throwIfAborted();
      const attributes = {
        ...policyAttributes(policy),
        [attributeNames.shard]: request.shard,
        [attributeNames.sequences]: input.sequences.length,
        [attributeNames.objectiveCount]: input.objectives,
      };
      const task = { engine: policy.engine, version: tensors, input, ...projectionOf(loss) };
      yield* await withSpan(spanNames.gradientCompute, attributes, () => gradientMessages(loss, task, thread));
    },
  });
}

type Messages = Iterable<ResponseInput<'gapo.gradient.v1.GradientService', 'ComputeGradients'>>;

/** A shard's gradients as messages: a header, the bytes, the statistics. */
async function gradientMessages(
  { objectives: names, source }: LossSpec,
  task: GradientTask,
  thread: WorkerThread<GradientTasks>,
): Promise<Messages> {
  const { input } = task;
  if (source === 'GRADIENT_SOURCE_LOGITS') {
    const gram = await thread.run('gramOfLogits', task);
    const tokens = input.sequences.reduce((total, { completionIds }) => total + completionIds.length, 0);
    const header = { name: 'gram', dtype: 'DATA_TYPE_F64' as const, shape: [input.objectives, input.objectives] };
    return messages([header], [], [gram], { tokens });
  }
  const { parameters, objectives, regularizer, statistics } = await thread.run('computeGradients', task);
  const flat = regularizer === undefined ? objectives : [...objectives, regularizer];
  const headers = flat.map(({ length }, index) => floatHeader(names[index] ?? regularizerName, [length]));
  const covered = task.projection === undefined ? parameters : [];
  const parameterHeaders = covered.map(({ name, shape }) => floatHeader(name, shape));
  return messages(headers, parameterHeaders, flat, {
    ...statistics,
    clipped: [...statistics.clipped],
    valueLossSum: [...statistics.valueLossSum],
  });
}

function* messages(
  tensors: TensorHeader[],
  parameters: TensorHeader[],
  data: readonly (Float32Array | Float64Array)[],
  statistics: GradientStatisticsInput,
): Messages {
  yield { header: { tensors, parameters } };
  for (const chunk of chunks(data)) yield { chunk };
  yield { statistics };
}

function floatHeader(name: string, shape: readonly number[]): TensorHeader {
  return { name, dtype: 'DATA_TYPE_F32', shape: [...shape] };
}

function policyAttributes(policy: RequestedPolicy): Record<string, string | number> {
  return { [attributeNames.runId]: policy.runId, [attributeNames.policyVersion]: policy.version };
}

function toSequences(sequences: readonly Sequence[]): readonly TokenSequence[] {
  if (sequences.length === 0) throw new RpcError('INVALID_ARGUMENT', 'sequences is empty; a shard has at least one');
  return sequences.map(({ promptIds, completionIds }) => ({ promptIds, completionIds }));
}

/**
 * Reads a request's shard.
 *
 * @throws RpcError INVALID_ARGUMENT naming the field
 */
function shardInput(request: ComputeGradientsRequest): { readonly input: ShardInput; readonly loss: LossSpec } {
  const { loss } = request;
  if (loss === null) throw new RpcError('INVALID_ARGUMENT', 'loss is not set');
  if (loss.objectives.length === 0)
    throw new RpcError('INVALID_ARGUMENT', 'loss.objectives is empty; name at least one');
  if (loss.objectives.includes(regularizerName)) {
    throw new RpcError(
      'INVALID_ARGUMENT',
      `loss.objectives has '${regularizerName}', the name of the regularizer's gradient; rename the objective`,
    );
  }
  const sequences = toSequences(request.sequences);
  const tokens = sequences.reduce((total, { completionIds }) => total + completionIds.length, 0);
  const advantages = floats(request.advantages, 'advantages');
  const [rows, k] = advantages.shape;
  if (k !== loss.objectives.length || (rows !== sequences.length && rows !== tokens)) {
    throw new RpcError(
      'INVALID_ARGUMENT',
      `advantages is [${advantages.shape.join()}]; it must be [${sequences.length} sequences, ${loss.objectives.length}] ` +
        `or [${tokens} tokens, ${loss.objectives.length}]`,
    );
  }
  const value =
    request.returns === null
      ? undefined
      : {
          coefficient: loss.valueCoefficient,
          clip: loss.valueClip,
          oldValues: floats(request.oldValues, 'old_values').data,
          returns: floats(request.returns, 'returns').data,
        };
  const exact = loss.source === 'GRADIENT_SOURCE_UNSPECIFIED' || loss.source === 'GRADIENT_SOURCE_EXACT';
  const input: ShardInput = {
    sequences,
    advantages: advantages.data,
    // With one token per sequence both interpretations are the same, and the shared pass is
    // cheaper.
    advantagesPer: rows === sequences.length ? 'sequence' : 'token',
    objectives: k,
    oldLogprobs: floats(request.oldLogprobs, 'old_logprobs').data,
    denominator: loss.denominator,
    temperature: loss.temperature,
    clipRange: loss.clipRange,
    klCoefficient: loss.klCoefficient,
    entropyCoefficient: loss.entropyCoefficient,
    scope: loss.source === 'GRADIENT_SOURCE_LAST_LAYER' ? 'lastLayer' : 'all',
    objectivesOnly: !exact,
    ...(request.referenceLogprobs === null
      ? {}
      : { referenceLogprobs: floats(request.referenceLogprobs, 'reference_logprobs').data }),
    ...(value === undefined ? {} : { value }),
  };
  return { input, loss };
}

function projectionOf(loss: LossSpec): Pick<GradientTask, 'projection'> {
  if (loss.source !== 'GRADIENT_SOURCE_PROJECTION') return {};
  return { projection: { dimensions: loss.projectionDimensions, seed: loss.projectionSeed } };
}

function floats(
  tensor: Tensor | null,
  field: string,
): { readonly shape: readonly number[]; readonly data: Float32Array } {
  if (tensor === null) throw new RpcError('INVALID_ARGUMENT', `${field} is not set`);
  const { shape, data } = fromTensor(tensor, 'DATA_TYPE_F32');
  const bad = data.findIndex((x) => !Number.isFinite(x));
  if (bad >= 0)
    throw new RpcError('INVALID_ARGUMENT', `${field} has ${data[bad]} at element ${bad}; it must be finite`);
  return { shape, data };
}
