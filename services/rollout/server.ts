/** gapo.rollout.v1: pulls the version, samples the shard in the tensor thread and streams completions. */
import { on } from 'node:events';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { implement, type GenerateRequest, type Implementation, RpcError } from '@gapo/rpc';
import type { WorkerThread } from '@gapo/service';
import { attributeNames, spanNames, withSpan } from '@gapo/tracing';
import { VersionStore, requestedPolicy } from '@gapo/worker';
import type { PostedCompletion, sample } from './samplingThread.js';

/** The tasks of the rollout service's tensor thread. */
export type SamplingTasks = { readonly sample: typeof sample };

/** Creates the rollout service. */
export function rolloutService(versions: VersionStore, thread: WorkerThread<SamplingTasks>): Implementation {
  return implement('gapo.rollout.v1.RolloutService', {
    async *Generate(request, { signal }) {
      const policy = requestedPolicy(request.policy);
      const options = samplingOptions(request);
      const { tensors } = await versions.get(policy.runId, policy.version, policy.engine);
      signal.throwIfAborted();
      const { port1, port2 } = new MessageChannel();
      const cancelled = new Int32Array(new SharedArrayBuffer(4));
      const cancel = (): void => void Atomics.store(cancelled, 0, 1);
      signal.addEventListener('abort', cancel, { once: true });
      const attributes = {
        [attributeNames.runId]: policy.runId,
        [attributeNames.policyVersion]: policy.version,
        [attributeNames.prompts]: request.prompts.length,
      };
      const task = {
        engine: policy.engine,
        version: tensors,
        prompts: request.prompts.map(({ index, tokenIds }) => ({ index, ids: tokenIds })),
        options,
        completions: port2,
        cancelled,
      };
      const done = withSpan(spanNames.rolloutGenerate, attributes, () =>
        thread.run('sample', task, { transfer: [port2] }),
      );
      done.catch(() => port1.close()); // `await done` below throws its error
      try {
        for await (const completion of received(port1)) yield { completions: [toWire(completion)] };
        await done;
        if (signal.aborted) throw signal.reason;
      } finally {
        cancel();
        signal.removeEventListener('abort', cancel);
      }
    },
  });
}

function samplingOptions({ sampling, seed, step }: GenerateRequest) {
  if (sampling === null)
    throw new RpcError(
      'INVALID_ARGUMENT',
      'sampling is not set; give temperature, max_new_tokens and samples_per_prompt',
    );
  if (!(sampling.samplesPerPrompt >= 1)) {
    throw new RpcError(
      'INVALID_ARGUMENT',
      `sampling.samples_per_prompt is ${sampling.samplesPerPrompt}; it must be 1 or more`,
    );
  }
  const { topP, repetitionPenalty, batch, ...rest } = sampling;
  return {
    ...rest,
    topP: topP === 0 ? 1 : topP,
    repetitionPenalty: repetitionPenalty === 0 ? 1 : repetitionPenalty,
    ...(batch > 0 && { batch }),
    seed,
    step,
  };
}

const finishReasons = {
  stop: 'FINISH_REASON_STOP',
  stopString: 'FINISH_REASON_STOP_STRING',
  length: 'FINISH_REASON_LENGTH',
} as const;

function toWire({ prompt, sample: index, ids, logprobs, drawnLogprobs, finishReason }: PostedCompletion) {
  return {
    prompt,
    sample: index,
    tokenIds: [...ids],
    logprobs: toBytes(logprobs),
    drawnLogprobs: drawnLogprobs === undefined ? Buffer.alloc(0) : toBytes(drawnLogprobs),
    finishReason: finishReasons[finishReason],
  };
}

function toBytes({ buffer, byteOffset, byteLength }: Float32Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** The messages of a port, in order, until it closes. */
async function* received(port: MessagePort): AsyncGenerator<PostedCompletion> {
  for await (const [message] of on(port, 'message', { close: ['close'] })) yield message as PostedCompletion;
}
