/**
 * gapo.rollout.v1: pulls the version, samples the shard with an engine, and streams completions.
 */
import { EventEmitter, on } from 'node:events';
import type { SampledCompletion } from '@gapo/policy';
import { implement, type GenerateRequest, type Implementation, RpcError } from '@gapo/rpc';
import { attributeNames, spanNames, withSpan } from '@gapo/tracing';
import { VersionStore, requestedPolicy } from '@gapo/worker';
import type { Engine } from './engines/engine.js';

/** Creates the rollout service. */
export function rolloutService(versions: VersionStore, engine: Engine): Implementation {
  return implement('gapo.rollout.v1.RolloutService', {
    async *Generate(request, { signal }) {
      const policy = requestedPolicy(request.policy);
      const options = samplingOptions(request);
      const version = await versions.get(policy.runId, policy.version, policy.engine);
      signal.throwIfAborted();
      const attributes = {
        [attributeNames.runId]: policy.runId,
        [attributeNames.policyVersion]: policy.version,
        [attributeNames.prompts]: request.prompts.length,
      };
      const prompts = request.prompts.map(({ index, tokenIds }) => ({ index, ids: tokenIds }));
      const left = new AbortController();
      const until = AbortSignal.any([signal, left.signal]);
      const finished = new EventEmitter<{ completion: [SampledCompletion]; end: [] }>();
      const completions = on(finished, 'completion', { close: ['end'] });
      const done = withSpan(spanNames.rolloutGenerate, attributes, () =>
        engine.sample({ policy, version, prompts, options }, (one) => finished.emit('completion', one), until),
      ).finally(() => finished.emit('end'));
      done.catch(() => undefined); // `await done` below throws its error
      try {
        for await (const [completion] of completions) {
          yield { completions: [toWire(completion as SampledCompletion)] };
        }
        await done;
        signal.throwIfAborted();
      } finally {
        left.abort();
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

function toWire({ prompt, sample: index, ids, logprobs, drawnLogprobs, finishReason }: SampledCompletion) {
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
