/** Real vLLM servers started without required options: the worker names the server and the option, to the coordinator too. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { initialTensors } from '@gapo/model';
import { RpcError } from '@gapo/rpc';
import { deadlineMs, failsWith } from '@gapo/worker/testing';
import { policyEnvironment, policyFlags, samplingFlags, skipWithoutProgram, VllmServer } from './vllmServer.js';
import { example, VllmWorker, type WorkerOptions } from './vllmWorker.js';

const lora = { rank: 4, alpha: 8, targets: ['q_proj'] };
const trainable = { lora, valueHeads: 0 };
const spec = {
  mode: 'TRAINING_MODE_LORA',
  loraRank: 4,
  loraAlpha: 8,
  loraTargets: lora.targets,
  valueHeads: 0,
} as const;

/** The flags without one of them and its value. */
const without = (name: string): readonly string[] => {
  const at = policyFlags.indexOf(name);
  return [...policyFlags.slice(0, at), ...policyFlags.slice(at + 2)];
};

const cases: readonly (readonly [string, readonly string[], Readonly<Record<string, string>>, RegExp])[] = [
  ['--enable-lora', [example, ...samplingFlags], policyEnvironment, /cannot load adapters; start it with --enable-lora/],
  ['VLLM_ALLOW_RUNTIME_LORA_UPDATING', policyFlags, {}, /cannot load adapters; .*VLLM_ALLOW_RUNTIME_LORA_UPDATING=1/],
  ['processed log-probabilities', without('--logprobs-mode'), policyEnvironment, /start it with --logprobs-mode processed_logprobs/],
  ['room for two adapters', [...without('--max-loras'), '--max-loras', '1'], policyEnvironment, /uses 1 adapter at a time, and ENGINE_ADAPTERS is 2; start it with --max-loras 2/],
]; // prettier-ignore

describe('vLLM that was started without', { skip: skipWithoutProgram }, () => {
  for (const [what, flags, env, details] of cases) {
    test(what, async (t) => {
      const owner = { after: (close: () => Promise<void>) => t.after(close) };
      const server = await VllmServer.start(owner, flags, env);
      const versionOf: WorkerOptions['versionOf'] = (model, version) => initialTensors(model.config, trainable, version, model.weights); // prettier-ignore
      const worker = await VllmWorker.start(owner, { recording: undefined, trainable, spec, versionOf, upstream: server.url }); // prettier-ignore
      const refusal = failsWith('UNAVAILABLE', new RegExp(`^the vllm server ${worker.url} .*${details.source}`));
      await assert.rejects(async () => {
        for (;;) {
          try {
            return await worker.identity.Identify({}, { deadlineMs });
          } catch (error) {
            // A server's first completions may take longer than a coordinator's Identify deadline.
            if (!(error instanceof RpcError && /has not yet identified itself/.test(error.message))) throw error;
          }
        }
      }, refusal);
      await assert.rejects(worker.generated(1, { temperature: 1 }), refusal);
    });
  }
});
