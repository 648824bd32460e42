/** The tasks of the tensor thread: samples completions and posts them as they finish. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import { type NamedTensor, Tokenizer } from '@gapo/model';
import { Sampler, type SampledCompletion, type SamplingOptions, type SamplingPrompt } from '@gapo/policy';
import { type Outcome, outcome } from '@gapo/service';
import { EngineHolder, ModelStore, type EngineKey, threadSettings } from '@gapo/worker';

/** One shard to sample. */
export interface SampleTask {
  readonly engine: EngineKey;
  readonly version: readonly NamedTensor[];
  readonly prompts: readonly SamplingPrompt[];
  readonly options: SamplingOptions;
  /** Receives the completions, one per message. */
  readonly completions: MessagePort;
  /** Non-zero once the call is cancelled. */
  readonly cancelled: Int32Array;
}

const { threads, device, ...places } = threadSettings();
const samplers = new EngineHolder(new ModelStore(places), async (model, { trainable, computation, ignoreKeys }) => {
  const decoder = async (): Promise<(ids: readonly number[]) => Promise<string>> => {
    const tokenizer = await Tokenizer.read(model.directory, { ignoreKeys });
    return (ids) => tokenizer.decode(ids);
  };
  const drawable = (await hasTokenizer(model.directory))
    ? (await Tokenizer.read(model.directory, { ignoreKeys })).drawable(model.config)
    : undefined;
  return new Sampler(model, trainable, { threads, device, decoder, drawable, precision: computation.precision });
});

async function hasTokenizer(directory: string): Promise<boolean> {
  return (await stat(join(directory, 'tokenizer.json')).catch(() => undefined)) !== undefined;
}

/** Samples a shard; resolves once the last completion is posted, or shortly after cancellation. */
export function sample(task: SampleTask): Promise<Outcome<null>> {
  return outcome(async () => {
    try {
      const sampler = await samplers.get(task.engine);
      const stopped = (): boolean => Atomics.load(task.cancelled, 0) !== 0;
      for await (const completion of sampler.sample(task.version, task.prompts, { ...task.options, stopped })) {
        task.completions.postMessage(completion satisfies SampledCompletion);
      }
      return null;
    } finally {
      task.completions.close();
    }
  });
}
