/** Sampling: shards of prompts go to rollout workers, and what comes back is checked before anyone counts on it. */
import type { RunConfig } from '@gapo/config';
import { RpcError, type GenerateRequestInput, type PolicyRefInput, type SamplingInput } from '@gapo/rpc';
import type { Ranges, Sample } from '../data/batch.js';
import { throwIfAborted } from '../state/interruption.js';
import type { Attempt, Done, WorkerPool } from './workers.js';

type RolloutService = 'gapo.rollout.v1.RolloutService';

/** Rollout workers. */
export type RolloutPool = WorkerPool<RolloutService>;

/** How completions are drawn. */
export type SamplingSettings = Pick<RunConfig['rollout'], 'temperature' | 'maxNewTokens' | 'samplesPerPrompt'> &
  Partial<Pick<RunConfig['rollout'], 'topK' | 'topP' | 'minP' | 'repetitionPenalty' | 'stop' | 'batch'>>;

/** What is sampled. */
export interface SamplingRequest {
  readonly policy: PolicyRefInput;
  /** All prompts, in order, with the counters of their random numbers. */
  readonly prompts: readonly { readonly tokenIds: readonly number[]; readonly counter: number }[];
  /** The prompts [start, end) of each shard. */
  readonly bounds: Ranges;
  readonly sampling: SamplingSettings;
  readonly seed: number;
  readonly step: number;
  /** Token ids are below this. */
  readonly vocabulary: number;
  /** What the pieces are called in logs, as `step 12`. */
  readonly label: string;
}

/** Told when a shard is done. */
export type ShardObserver = (shard: number, done: Done<readonly Sample[]>) => void;

/**
 * Samples every prompt.
 *
 * @returns the completions of each shard, in order: by prompt, then by sample
 * @throws RpcError, PauseNeeded as WorkerPool.run; the signal's reason
 */
export function sampleShards(
  pool: RolloutPool,
  request: SamplingRequest,
  signal: AbortSignal,
  onShard: ShardObserver,
): readonly Promise<readonly Sample[]>[] {
  const { bounds, label } = request;
  return bounds.map(async ([start, end], number) => {
    const done = await pool.run(`sampling shard ${number} of ${label}`, signal, (attempt) =>
      generate(attempt, request, start, end),
    );
    onShard(number, done);
    throwIfAborted(signal);
    return done.value;
  });
}

/** One shard at one worker. */
async function generate(
  { client, options }: Attempt<RolloutService>,
  request: SamplingRequest,
  start: number,
  end: number,
): Promise<readonly Sample[]> {
  const { policy, sampling, seed, step } = request;
  const prompts = request.prompts.slice(start, end);
  const message: GenerateRequestInput = {
    policy,
    prompts: prompts.map(({ tokenIds, counter }) => ({ index: counter, tokenIds: [...tokenIds] })),
    sampling: { ...sampling } satisfies SamplingInput,
    seed,
    step,
  };
  const perPrompt = sampling.samplesPerPrompt;
  const samples = new Array<Sample | undefined>(prompts.length * perPrompt).fill(undefined);
  const broken = (what: string): RpcError =>
    new RpcError('INTERNAL', `the worker answered ${what}`, { method: 'Generate', target: client.target });
  for await (const { completions } of client.Generate(message, options)) {
    for (const completion of completions) {
      const { prompt, sample, tokenIds, finishReason } = completion;
      const place = `completion ${sample} of prompt ${prompt}`;
      if (prompt >= prompts.length || sample >= perPrompt) throw broken(`${place}, which was not asked for`);
      const at = prompt * perPrompt + sample;
      if (samples[at] !== undefined) throw broken(`${place} twice`);
      if (tokenIds.length === 0 || tokenIds.length > sampling.maxNewTokens) {
        throw broken(`${place} with ${tokenIds.length} tokens, expected 1 to ${sampling.maxNewTokens}`);
      }
      const stray = tokenIds.find((id) => id >= request.vocabulary);
      if (stray !== undefined) throw broken(`${place} with token ${stray}, the vocabulary has ${request.vocabulary}`);
      if (finishReason === 'FINISH_REASON_UNSPECIFIED') throw broken(`${place} without a finish reason`);
      samples[at] = {
        prompt: start + prompt,
        sample,
        promptIds: prompts[prompt]!.tokenIds,
        tokenIds,
        logprobs: readLogprobs(completion.logprobs, tokenIds.length, place, broken),
        finished: finishReason !== 'FINISH_REASON_LENGTH',
      };
    }
  }
  const missing = samples.findIndex((sample) => sample === undefined);
  if (missing >= 0) {
    throw broken(`no completion ${missing % perPrompt} of prompt ${Math.floor(missing / perPrompt)}`);
  }
  return samples as readonly Sample[];
}

function readLogprobs(bytes: Buffer, count: number, place: string, broken: (what: string) => RpcError): Float32Array {
  if (bytes.length !== 4 * count) {
    throw broken(`${place} with ${bytes.length} bytes of log-probabilities for ${count} tokens, expected ${4 * count}`);
  }
  // A copy of its own: the message's bytes may lie unaligned.
  const logprobs = new Float32Array(new Uint8Array(bytes).buffer);
  const odd = logprobs.findIndex((logprob) => !(logprob <= 1e-3 && Number.isFinite(logprob)));
  if (odd >= 0) throw broken(`${place} with log-probability ${logprobs[odd]} of token ${odd}`);
  return logprobs;
}
