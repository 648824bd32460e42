/** What samples completions: the native engine, or servers of an existing engine. */
import type { SampledCompletion, SamplingOptions, SamplingPrompt } from '@gapo/policy';
import type { HeldVersion, RequestedPolicy } from '@gapo/worker';

/** Prompts to sample from one policy version. */
export interface SamplingShard {
  readonly policy: RequestedPolicy;
  /** The version's tensors. */
  readonly version: HeldVersion;
  readonly prompts: readonly SamplingPrompt[];
  readonly options: SamplingOptions;
}

/** Samples completions. */
export interface Engine {
  /**
   * Samples a shard, and emits each completion once it is finished.
   *
   * @throws RpcError; after the signal has aborted, any error
   */
  readonly sample: (
    shard: SamplingShard,
    emit: (completion: SampledCompletion) => void,
    signal: AbortSignal,
  ) => Promise<void>;
}
