/** Validates a request's policy and converts it to the libraries' types. */
import { defaultMemoryBudget, loraTargets, type TrainableSpec } from '@gapo/model';
import { type PolicyRef, type PolicySpec, RpcError } from '@gapo/rpc';
import type { Computation, EngineKey } from './models.js';

/** A policy named in a request. */
export interface RequestedPolicy {
  readonly runId: string;
  readonly version: number;
  readonly engine: EngineKey;
}

/**
 * Reads a request's policy.
 *
 * @throws RpcError INVALID_ARGUMENT naming the field
 */
export function requestedPolicy(policy: PolicyRef | null): RequestedPolicy {
  if (policy === null) throw invalid('policy is not set; name a run, a version and a specification');
  if (policy.runId === '') throw invalid('policy.run_id is empty');
  if (policy.spec === null) throw invalid('policy.spec is not set');
  const { model, modelSha256, ignoreKeys } = policy.spec;
  const engine = {
    model,
    modelSha256,
    ignoreKeys,
    trainable: trainableSpec(policy.spec),
    computation: computation(policy.spec),
  };
  return { runId: policy.runId, version: policy.version, engine };
}

function computation({ computation: asked }: PolicySpec): Computation {
  return {
    precision: asked?.precision === 'PRECISION_F16' ? 'float16' : 'float32',
    memoryBudget: asked?.memoryBudget || defaultMemoryBudget,
    recompute: asked?.recompute ?? false,
  };
}

function trainableSpec(spec: PolicySpec): TrainableSpec {
  if (spec.model === '') throw invalid('policy.spec.model is empty; name a model directory');
  const valueHeads = spec.valueHeads;
  switch (spec.mode) {
    case 'TRAINING_MODE_FULL':
      return { valueHeads };
    case 'TRAINING_MODE_LORA': {
      if (!(spec.loraRank >= 1)) throw invalid(`policy.spec.lora_rank is ${spec.loraRank}; it must be 1 or more`);
      if (!(spec.loraAlpha > 0)) throw invalid(`policy.spec.lora_alpha is ${spec.loraAlpha}; it must be above 0`);
      const exceptions = spec.loraExceptions;
      const wrong = exceptions.find(({ rank, alpha }) => !(rank >= 1) || !(alpha > 0));
      if (wrong !== undefined) {
        throw invalid(
          `policy.spec.lora_exceptions has rank ${wrong.rank} and alpha ${wrong.alpha} for '${wrong.module}'; ` +
            'a rank must be 1 or more, an alpha above 0',
        );
      }
      const targets: readonly string[] = loraTargets;
      const unknown = spec.loraTargets.find((target) => !targets.includes(target.slice(target.lastIndexOf('.') + 1)));
      if (unknown !== undefined)
        throw invalid(`policy.spec.lora_targets has '${unknown}'; known targets are ${targets.join(', ')}`);
      const lora = { rank: spec.loraRank, alpha: spec.loraAlpha, targets: spec.loraTargets };
      return { lora: exceptions.length === 0 ? lora : { ...lora, exceptions }, valueHeads };
    }
    default:
      throw invalid(`policy.spec.mode is ${spec.mode}; it must be TRAINING_MODE_LORA or TRAINING_MODE_FULL`);
  }
}

function invalid(message: string): RpcError {
  return new RpcError('INVALID_ARGUMENT', message);
}
