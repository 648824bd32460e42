/**
 * vLLM, by its HTTP server. Completions are requested as tokens: by /inference/v1/generate where the server has it
 * (--enable-scale-out), else by /v1/completions. Adapters are loaded under a name per version: reloading one under its name would
 * leave prefixes of the old one in the cache.
 */
import { RequestFailure, type HttpClient, type RequestLimits } from '@gapo/http';
import { at } from '@gapo/numeric';
import { z } from '@gapo/service';
import { distributionRefusal } from './distributionRefusal.js';
import { assertAfterTemperature, topTokens, type TopTokens } from './processedLogprobs.js';
import type { CompletionRequest, EngineFacts, EngineProtocol, ServedAdapter, ServedCompletion } from './protocol.js';

const paths = {
  health: '/health',
  version: '/version',
  models: '/v1/models',
  load: '/v1/load_lora_adapter',
  unload: '/v1/unload_lora_adapter',
  generate: '/inference/v1/generate',
  completions: '/v1/completions',
} as const;

type Route = typeof paths.generate | typeof paths.completions;

const versionAnswer = z.object({ version: z.string() });

const modelsAnswer = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      parent: z.string().nullish(),
      max_model_len: z.int().nullish(),
    }),
  ),
});

const tokenIds = z.array(z.int().min(0));

/** Versions differ in how they name a token. */
const topEntry = z.object({ token_id: z.int().optional(), token: z.string().optional(), logprob: z.number() });

/** A choice of /inference/v1/generate. */
const generateAnswer = z.object({
  choices: z.tuple([
    z.object({
      token_ids: tokenIds,
      finish_reason: z.string(),
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
      token_ids: tokenIds,
      finish_reason: z.string(),
      logprobs: z.object({
        token_logprobs: z.array(z.number()),
        top_logprobs: z.array(z.record(z.string(), z.number())).nullish(),
      }),
    }),
  ]),
});

/** An answer of either route. */
interface Answer extends ServedCompletion {
  readonly reason: string;
  /** Of each position. */
  readonly top: readonly TopTokens[];
}

/** What a request asks for, apart from its route. */
interface Asked {
  readonly id: string;
  readonly model: string;
  readonly promptIds: readonly number[];
  /** In the form of vLLM's SamplingParams. */
  readonly sampling: Readonly<Record<string, unknown>>;
}

async function checkHealth(server: HttpClient, limits: RequestLimits): Promise<void> {
  await server.get(paths.health, limits);
}

async function describe(server: HttpClient, model: string | undefined, limits: RequestLimits): Promise<EngineFacts> {
  const { version } = (await server.get(paths.version, limits)).as(versionAnswer);
  const { data } = (await server.get(paths.models, limits)).as(modelsAnswer);
  const bases = data.filter(({ parent }) => parent === undefined || parent === null);
  const names = bases.map(({ id }) => id).join(', ');
  const base = model === undefined ? bases[0] : bases.find(({ id }) => id === model);
  if (base === undefined || (model === undefined && bases.length > 1)) {
    throw new RequestFailure(`${server.name} has the models ${names || 'none'}; set ENGINE_MODEL to one of them`);
  }
  await requireAdapters(server, limits);
  const route = await probe(server, base.id, limits);
  return { version, context: base.max_model_len ?? undefined, route };
}

/** @throws RequestFailure if adapters cannot be loaded */
async function requireAdapters(server: HttpClient, limits: RequestLimits): Promise<void> {
  try {
    await server.post(paths.unload, { lora_name: 'gapo-none' }, limits);
  } catch (error) {
    if (!(error instanceof RequestFailure)) throw error;
    if (lacksAdapter(error)) return; // so that the route exists
    if (error.status !== 404) throw error;
    throw new RequestFailure(
      `${server.name} cannot load adapters; start it with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1`,
      { cause: error },
    );
  }
}

/** Finds the route of completions, and checks that log-probabilities are after the temperature. */
async function probe(server: HttpClient, model: string, limits: RequestLimits): Promise<Route> {
  let route: Route = paths.generate;
  await assertAfterTemperature(
    server.name,
    'with --logprobs-mode processed_logprobs',
    async (promptIds, temperature) => {
      const sampling = { ...plain, temperature, max_tokens: 1, logprobs: topTokens, seed: 0, ignore_eos: true };
      const asked = { id: 'gapo-probe', model, promptIds, sampling };
      try {
        return at((await call(server, route, asked, limits)).top, 0);
      } catch (error) {
        const isAbsent = error instanceof RequestFailure && (error.status === 403 || error.status === 404);
        if (!isAbsent || route === paths.completions) throw error;
        route = paths.completions;
        return at((await call(server, route, asked, limits)).top, 0);
      }
    },
  );
  return route;
}

async function load(server: HttpClient, { name, path }: ServedAdapter, limits: RequestLimits): Promise<void> {
  await server.post(paths.load, { lora_name: name, lora_path: path }, limits);
}

async function unload(server: HttpClient, name: string, limits: RequestLimits): Promise<void> {
  await server.post(paths.unload, { lora_name: name }, limits);
}

/** Every option is sent: a server takes what is missing from the model's generation_config.json. */
const plain = {
  n: 1,
  top_p: 1,
  top_k: 0,
  min_p: 0,
  presence_penalty: 0,
  frequency_penalty: 0,
  repetition_penalty: 1,
  min_tokens: 0,
} as const;

async function complete(
  server: HttpClient,
  { route }: EngineFacts,
  { id, model, promptIds, temperature, seed, maxTokens, endIds, stop }: CompletionRequest,
  limits: RequestLimits,
): Promise<ServedCompletion> {
  const sampling = {
    ...plain,
    temperature,
    seed,
    max_tokens: maxTokens,
    logprobs: 0, // of the sampled token
    ignore_eos: true, // the model's own are named instead
    stop_token_ids: endIds,
    ...(stop.length > 0 && { stop }),
  };
  const { reason, ids, logprobs } = await call(
    server,
    route as Route,
    { id, model, promptIds, sampling },
    limits,
  ).catch((error: unknown) => {
    if (!(error instanceof RequestFailure) || error.status !== 403) throw error;
    // The server was started again, without the route.
    throw error.with({ retryable: true });
  });
  if (reason === 'abort' || reason === 'error')
    throw new RequestFailure(`${server.name} ended a completion: ${reason}`, { retryable: true });
  return { ids, logprobs };
}

async function call(server: HttpClient, route: Route, asked: Asked, limits: RequestLimits): Promise<Answer> {
  const { id, model, promptIds, sampling } = asked;
  if (route === paths.generate) {
    const body = { request_id: id, model, token_ids: promptIds, sampling_params: sampling, stream: false };
    const { choices } = (await server.post(route, body, limits)).as(generateAnswer);
    const [{ token_ids, finish_reason, logprobs }] = choices;
    return {
      reason: finish_reason,
      ids: token_ids,
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
  return {
    reason: finish_reason,
    ids: token_ids,
    logprobs: logprobs.token_logprobs,
    top: (logprobs.top_logprobs ?? []).map((one) => new Map(Object.entries(one))),
  };
}

function hasAdapter({ status, body = '' }: RequestFailure): boolean {
  return status === 400 && /has already been loaded/.test(body);
}

/** The messages are those of unloading and of completions. */
function lacksAdapter({ status, body = '' }: RequestFailure): boolean {
  return status === 404 && /cannot be found|does not exist/.test(body);
}

/** vLLM. */
export const vllm: EngineProtocol = {
  name: 'vllm',
  refusal: (options) => distributionRefusal('vllm', options),
  checkHealth,
  describe,
  load,
  unload,
  complete,
  hasAdapter,
  lacksAdapter,
};
