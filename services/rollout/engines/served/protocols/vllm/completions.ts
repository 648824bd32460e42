/**
 * vLLM completions: requested as tokens, through /inference/v1/generate if the server has it (--enable-scale-out),
 * otherwise through /v1/completions.
 */
import { RequestFailure, type HttpClient, type RequestLimits } from '@gapo/http';
import { z } from '@gapo/service';
import type { TopTokens } from '../processedLogprobs.js';
import type { CompletionRequest, EngineFacts, ServedCompletion } from '../protocol.js';
import { requireSampledBy } from './weights.js';

/** The paths of completions. */
export const routes = { generate: '/inference/v1/generate', completions: '/v1/completions' } as const;

/** One of them. */
export type Route = (typeof routes)[keyof typeof routes];

const tokenIds = z.array(z.int().min(0));

/** Versions differ in how they name a token. */
const topEntry = z.object({ token_id: z.int().optional(), token: z.string().optional(), logprob: z.number() });

/** A choice of /inference/v1/generate. */
const generateAnswer = z.object({
  choices: z.tuple([
    z.object({
      token_ids: tokenIds,
      finish_reason: z.string(),
      weight_versions: z.array(z.object({ version: z.string() })).nullish(),
      logprobs: z.object({
        content: z.array(
          z.object({
            logprob: z.number(),
            top_logprobs: z.array(topEntry).default([]),
          }),
        ),
      }),
    }),
  ]),
});

/** A choice of /v1/completions. */
const completionsAnswer = z.object({
  choices: z.tuple([
    z.object({
      token_ids: tokenIds.nullish(),
      finish_reason: z.string(),
      logprobs: z.object({
        token_logprobs: z.array(z.number()),
        top_logprobs: z.array(z.record(z.string(), z.number())).nullish(),
      }),
    }),
  ]),
});

/** A response from either route. */
export interface Answer extends ServedCompletion {
  readonly reason: string;
  /** The names of the weights that sampled it; undefined if the route does not say. */
  readonly weights: readonly string[] | undefined;
  /** The top tokens at each position. */
  readonly top: readonly TopTokens[];
}

/** The content of a request, independent of its route. */
export interface Asked {
  readonly id: string;
  readonly model: string;
  readonly promptIds: readonly number[];
  /** In the format of vLLM's SamplingParams. */
  readonly sampling: Readonly<Record<string, unknown>>;
}

/** Every option is sent, because a server takes missing ones from the model's generation_config.json. */
export const plain = {
  n: 1,
  top_p: 1,
  top_k: 0,
  min_p: 0,
  presence_penalty: 0,
  frequency_penalty: 0,
  repetition_penalty: 1,
  min_tokens: 0,
} as const;

/** Samples one completion. @throws RequestFailure, also if it was sampled by other weights */
export async function complete(
  server: HttpClient,
  { route, base }: EngineFacts,
  { id, policy, promptIds, temperature, seed, maxTokens, endIds, stop }: CompletionRequest,
  limits: RequestLimits,
): Promise<ServedCompletion> {
  const sampling = {
    ...plain,
    temperature,
    seed,
    max_tokens: maxTokens,
    logprobs: 0, // of the sampled token
    ignore_eos: true, // the model's own end tokens are sent instead
    stop_token_ids: endIds,
    ...(stop.length > 0 && { stop }),
  };
  const model = policy.kind === 'adapter' ? policy.name : base;
  const { reason, ids, logprobs, weights } = await call(
    server,
    route as Route,
    { id, model, promptIds, sampling },
    limits,
  ).catch((error: unknown) => {
    if (!(error instanceof RequestFailure) || error.status !== 403) throw error;
    // The server was restarted without the route.
    throw error.with({ retryable: true });
  });
  if (reason === 'abort' || reason === 'error')
    throw new RequestFailure(`${server.name} ended a completion: ${reason}`, { retryable: true });
  requireSampledBy(server.name, policy, weights);
  return { ids, logprobs };
}

/** Makes a request. @throws RequestFailure */
export async function call(server: HttpClient, route: Route, asked: Asked, limits: RequestLimits): Promise<Answer> {
  const { id, model, promptIds, sampling } = asked;
  if (route === routes.generate) {
    const body = { request_id: id, model, token_ids: promptIds, sampling_params: sampling, stream: false };
    const { choices } = (await server.post(route, body, limits)).as(generateAnswer);
    const [{ token_ids, finish_reason, weight_versions, logprobs }] = choices;
    return {
      reason: finish_reason,
      ids: token_ids,
      weights: weight_versions?.map(({ version }) => version),
      logprobs: logprobs.content.map(({ logprob }) => logprob),
      top: logprobs.content.map(
        ({ top_logprobs }) =>
          new Map(top_logprobs.map(({ token_id: id, token, logprob }) => [String(id ?? token), logprob])),
      ),
    };
  }
  const tokens = { return_token_ids: true, return_tokens_as_token_ids: true };
  const body = { request_id: id, model, prompt: promptIds, ...sampling, ...tokens, stream: false };
  const { choices } = (await server.post(route, body, limits)).as(completionsAnswer);
  const [{ token_ids, finish_reason, logprobs }] = choices;
  if (token_ids === undefined || token_ids === null) {
    throw new RequestFailure(`${server.name} returns texts without token ids, as vLLM does before 0.10.2; update it`);
  }
  return {
    reason: finish_reason,
    ids: token_ids,
    weights: undefined,
    logprobs: logprobs.token_logprobs,
    top: (logprobs.top_logprobs ?? []).map((one) => new Map(Object.entries(one))),
  };
}
