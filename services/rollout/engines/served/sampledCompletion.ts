/** Checks a server's response and converts it to a completion as defined by the contract. */
import { RequestFailure } from '@gapo/http';
import type { DecoderConfig } from '@gapo/model';
import { at } from '@gapo/numeric';
import { endAtStop, type Ending, type SampledCompletion } from '@gapo/policy';
import type { ServedCompletion } from './protocols/protocol.js';
import type { ServedModel } from './servedModels.js';

/** A requested completion. */
export interface AskedCompletion {
  /** Index in the list of prompts. */
  readonly prompt: number;
  readonly sample: number;
  readonly limit: number;
  readonly stop: readonly string[];
  /** Whether the temperature is 0. */
  readonly greedy: boolean;
}

/**
 * Converts a server's response. The completion ends where the native engine would end it.
 *
 * @returns undefined if it contains an id without a token, which the native engine never draws
 * @throws RequestFailure if it is not a completion of the request
 */
export async function toSampled(
  { ids, logprobs }: ServedCompletion,
  { prompt, sample, limit, stop, greedy }: AskedCompletion,
  { config, drawable, tokenizer }: ServedModel,
  server: string,
): Promise<SampledCompletion | undefined> {
  const invalid = (what: string): RequestFailure => new RequestFailure(`${server} returned a completion ${what}`);
  if (ids.length === 0 || ids.length > limit) throw invalid(`of ${ids.length} tokens, expected 1 to ${limit}`);
  if (logprobs.length !== ids.length)
    throw invalid(`of ${ids.length} tokens with ${logprobs.length} log-probabilities`);
  const bad = logprobs.findIndex((logprob) => !(Number.isFinite(logprob) && logprob <= 1e-3));
  if (bad >= 0) throw invalid(`with log-probability ${logprobs[bad]} of token ${bad}`);
  const stray = ids.find((id) => id >= config.vocabulary);
  if (stray !== undefined) throw invalid(`with token ${stray}, the vocabulary has ${config.vocabulary}`);
  if (drawable !== undefined && ids.some((id) => drawable[id] === 0)) return undefined;

  const row: Ending = {
    ids: [...ids],
    logprobs: [...logprobs],
    drawnLogprobs: [],
    finished: endOf(ids, limit, config),
  };
  if (stop.length > 0 && tokenizer !== undefined) await endAtStop(row, stop, 0, (some) => tokenizer.decode(some));
  const { finished } = row;
  if (finished === undefined) {
    throw invalid(`of ${ids.length} tokens that neither ends nor has ${limit} tokens, the last being ${ids.at(-1)}`);
  }
  return {
    prompt,
    sample,
    ids: row.ids,
    logprobs: Float32Array.from(row.logprobs),
    ...(greedy && { drawnLogprobs: new Float32Array(row.ids.length) }),
    finishReason: finished,
  };
}

function endOf(ids: readonly number[], limit: number, { eosIds }: DecoderConfig): 'stop' | 'length' | undefined {
  if (eosIds.includes(at(ids, ids.length - 1))) return 'stop';
  return ids.length === limit ? 'length' : undefined;
}
