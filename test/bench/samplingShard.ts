/**
 * Samples the benchmark's completions: all of them, or one shard in a worker thread, as a rollout worker would.
 */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Sampler } from '@gapo/policy';
import { benchConfig, benchDecoder, benchTrainable, benchVersion } from './decoder.js';

/** Tokens of each prompt. */
export const prompt = 16;
/** Tokens of each completion. */
export const tokens = 128;

/** The rows [start, end) of the batch. */
export interface Shard {
  readonly start: number;
  readonly end: number;
}

/** Returns a function that samples a shard; the round is part of the random counter. */
export function shardSampler(threads: number, { start, end }: Shard): (round: number) => Promise<void> {
  const model = benchDecoder();
  const version = benchVersion(model);
  const sampler = new Sampler(model, benchTrainable, { threads });
  const prompts = Array.from({ length: end - start }, (_, row) => ({
    index: start + row,
    ids: someIds(start + row, prompt),
  }));
  return async (round) => {
    const options = { temperature: 1, maxNewTokens: tokens, samplesPerPrompt: 1, seed: 3, step: round };
    let drawn = 0;
    for await (const { ids } of sampler.sample(version, prompts, options)) drawn += ids.length;
    const expected = prompts.length * tokens;
    if (drawn !== expected) throw new Error(`sampling bench: ${drawn} tokens drawn, expected ${expected}`);
  };
}

/** Token ids of a row, without any special one. */
export function someIds(row: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => 3 + ((row * 131 + i * 17) % (benchConfig.vocabulary - 3)));
}

/** A single-threaded worker that samples a shard. Its first round reads the model. */
export function shardWorker(shard: Shard): {
  sample: (round: number) => Promise<unknown>;
  close: () => Promise<unknown>;
} {
  const worker = new Worker(new URL(import.meta.url), { workerData: shard });
  return {
    sample: (round) => {
      worker.postMessage(round);
      return once(worker, 'message');
    },
    close: () => worker.terminate(),
  };
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort;
  const sample = shardSampler(1, workerData as Shard);
  port.on('message', (round: number) => {
    void sample(round).then(() => port.postMessage(round)); // a rejection ends the thread, and the benchmark with it
  });
}
