/** Sampling: sends shards of prompts to rollout workers and validates the completions that come back. */
import type { RunConfig } from '@gapo/config';
import type { GenerateRequestInput, PolicyRefInput, RpcError, SamplingInput } from '@gapo/rpc';
import type { Ranges, Sample } from '../data/batch.js';
import { throwIfAborted } from '../state/interruption.js';
import { invalidResponse, type Attempt, type JobResult, type WorkerPool } from './workers.js';

type RolloutService = 'gapo.rollout.v1.RolloutService';

export type RolloutPool = WorkerPool<RolloutService>;

/** Sampling options. */
export type SamplingSettings = Pick<RunConfig['rollout'], 'temperature' | 'maxNewTokens' | 'samplesPerPrompt'> &
  Partial<Pick<RunConfig['rollout'], 'topK' | 'topP' | 'minP' | 'repetitionPenalty' | 'stop' | 'batch'>>;

/** A prompt with the counter of its random numbers. */
export interface PromptToSample {
  readonly tokenIds: readonly number[];
  readonly counter: number;
}

/** Prompts to sample, and how. */
export interface SamplingRequest {
  readonly policy: PolicyRefInput;
  /** All prompts, in order. A promise if they are still being encoded. */
  readonly prompts: readonly PromptToSample[] | Promise<readonly PromptToSample[]>;
  /** The prompts [start, end) of each shard. */
  readonly bounds: Ranges;
  readonly sampling: SamplingSettings;
  readonly seed: number;
  readonly step: number;
  /** Size of the vocabulary: token ids are smaller. */
  readonly vocabulary: number;
  /** The request's name in logs, for example `step 12`. */
  readonly label: string;
}

/** Observes each shard as it completes. */
export type ShardObserver = (shard: number, done: JobResult<readonly Sample[]>) => void;

/**
 * Samples every prompt.
 *
 * @returns one promise per shard, with its completions sorted by prompt, then by sample
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
    await request.prompts; // before taking a worker
    const job = { kind: 'sampling', label: `sampling shard ${number} of ${label}` };
    const done = await pool.run(job, signal, (attempt) => generate(attempt, request, start, end));
    onShard(number, done);
    throwIfAborted(signal);
    return done.value;
  });
}

/** Samples one shard on one worker. */
async function generate(
  { client, instance, options, alive }: Attempt<RolloutService>,
  request: SamplingRequest,
  start: number,
  end: number,
): Promise<readonly Sample[]> {
  const { policy, sampling, seed, step } = request;
  const prompts = (await request.prompts).slice(start, end);
  const message: GenerateRequestInput = {
    policy,
    prompts: prompts.map(({ tokenIds, counter }) => ({ index: counter, tokenIds: [...tokenIds] })),
    sampling: { ...sampling } satisfies SamplingInput,
    seed,
    step,
    instance,
  };
  const perPrompt = sampling.samplesPerPrompt;
  const samples = new Array<Sample | undefined>(prompts.length * perPrompt).fill(undefined);
  const invalid = invalidResponse('Generate', client.target);
  for await (const { completions } of client.Generate(message, options)) {
    alive();
    for (const completion of completions) {
      const { prompt, sample, tokenIds, finishReason } = completion;
      const place = `completion ${sample} of prompt ${prompt}`;
      const requested = prompts[prompt];
      if (requested === undefined || sample >= perPrompt) throw invalid(`${place}, which was not requested`);
      const index = prompt * perPrompt + sample;
      if (samples[index] !== undefined) throw invalid(`${place} twice`);
      if (tokenIds.length === 0 || tokenIds.length > sampling.maxNewTokens) {
        throw invalid(`${place} with ${tokenIds.length} tokens, expected 1 to ${sampling.maxNewTokens}`);
      }
      const stray = tokenIds.find((id) => id >= request.vocabulary);
      if (stray !== undefined) throw invalid(`${place} with token ${stray}, the vocabulary has ${request.vocabulary}`);
      if (finishReason === 'FINISH_REASON_UNSPECIFIED') throw invalid(`${place} without a finish reason`);
      samples[index] = {
        prompt: start + prompt,
        sample,
        promptIds: requested.tokenIds,
        tokenIds,
        logprobs: readLogprobs(completion.logprobs, tokenIds.length, place, invalid),
        finished: finishReason !== 'FINISH_REASON_LENGTH',
      };
    }
  }
  return samples.map((sample, index) => {
    if (sample !== undefined) return sample;
    throw invalid(`no completion ${index % perPrompt} of prompt ${Math.floor(index / perPrompt)}`);
  });
}

function readLogprobs(bytes: Buffer, count: number, place: string, invalid: (what: string) => RpcError): Float32Array {
  if (bytes.length !== 4 * count) {
    throw invalid(
      `${place} with ${bytes.length} bytes of log-probabilities for ${count} tokens, expected ${4 * count}`,
    );
  }
  // Copied because the message's bytes may be unaligned.
  const logprobs = new Float32Array(new Uint8Array(bytes).buffer);
  const bad = logprobs.findIndex((logprob) => !(logprob <= 1e-3 && Number.isFinite(logprob)));
  if (bad >= 0) throw invalid(`${place} with log-probability ${logprobs[bad]} of token ${bad}`);
  return logprobs;
}
