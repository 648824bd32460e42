/** The engines selected by the options of `gapo plan`. */
import type { EngineExtents, RunExtents } from '@gapo/model';
import { UserError } from '@gapo/service';

/** The default of ENGINE_CONCURRENCY. */
export const defaultConcurrency = 64;

/** Options that select engines and describe their GPUs. */
export interface EngineFlags {
  device: RunExtents['device'];
  rolloutEngine: EngineExtents['rollout']['name'];
  rolloutGpus?: number;
  concurrency?: number;
  gradientEngine: EngineExtents['gradient']['name'];
  gradientGpus?: number;
  gradientPrecision?: 'float32' | 'bfloat16';
  gpuMemory?: number;
  interconnect?: number;
}

/**
 * Returns the engines.
 *
 * @throws UserError for an option that would have no effect
 */
export function enginesOf(flags: EngineFlags): EngineExtents {
  const { rolloutGpus, concurrency, gradientGpus, gradientPrecision, gpuMemory, interconnect } = flags;
  const [onGpus, vllm, pytorch] = [
    flags.device === 'cuda',
    flags.rolloutEngine === 'vllm',
    flags.gradientEngine === 'pytorch',
  ];
  const needs = (met: boolean, option: string, given: Record<string, unknown>): void => {
    const idle = Object.keys(given).find((name) => given[name] !== undefined && !met);
    if (idle !== undefined) throw new UserError(`${idle} has no effect without ${option}: add it`);
  };
  needs(vllm, '--rollout-engine vllm', { '--rollout-gpus': rolloutGpus, '--concurrency': concurrency });
  const ofPytorch = { '--gradient-gpus': gradientGpus, '--gradient-precision': gradientPrecision };
  needs(pytorch, '--gradient-engine pytorch', ofPytorch);
  needs(onGpus, '--device cuda', { '--gpu-memory': gpuMemory });
  needs((gradientGpus ?? 1) > 1, '--gradient-gpus of at least 2', { '--interconnect': interconnect });
  if (vllm && !onGpus) throw new UserError('--rollout-engine vllm is planned for GPUs alone: add --device cuda');
  return {
    rollout: vllm
      ? { name: 'vllm', gpus: rolloutGpus ?? 1, concurrency: concurrency ?? defaultConcurrency }
      : { name: 'native' },
    gradient: pytorch
      ? { name: 'pytorch', gpus: gradientGpus ?? 1, weights: gradientPrecision ?? 'bfloat16' }
      : { name: 'native' },
  };
}
