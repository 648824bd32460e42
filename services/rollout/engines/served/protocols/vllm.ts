/**
 * vLLM, by its HTTP server. Completions are requested as tokens: by /inference/v1/generate where the server has it
 * (--enable-scale-out), else by /v1/completions. Adapters are loaded under a name per version: reloading one under its name would
 * leave prefixes of the old one in the cache.
 */
import { at } from '@gapo/numeric';
import type { SamplingOptions } from '@gapo/policy';
import { z } from '@gapo/service';
import { EngineFailure, type EngineServer, type RequestLimits } from '../engineServer.js';
import { isAfterTemperature, type TemperatureProbe } from './processedLogprobs.js';
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

/** Prompts of the probe, in order: one of them has a next token that is more probable than another. */
const probePrompts = [[1], [0], [2, 1], [3, 2, 1]];

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
            top_logprobs: z.array(z.object({ token: z.string(), logprob: z.number() })).default([]),
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
  /** The most probable tokens of each position with their log-probabilities, by what the server calls them. */
  readonly top: readonly ReadonlyMap<string, number>[];
}

/** What a request asks for, apart from its route. */
interface Asked {
  readonly id: string;
  readonly model: string;
  readonly promptIds: readonly number[];
  /** In the form of vLLM's SamplingParams. */
  readonly sampling: Readonly<Record<string, unknown>>;
}

/** Options that change the distribution, so that the policy's own log-probabilities are not among what the server returns. */
function refusal({
  topK = 0,
  topP = 1,
  minP = 0,
  repetitionPenalty = 1,
  temperature,
}: SamplingOptions): string | undefined {
  const truncates = temperature > 0;
  const options = [
    ...(truncates && topK > 0 ? ['rollout.topK'] : []),
    ...(truncates && topP < 1 ? ['rollout.topP'] : []),
    ...(truncates && minP > 0 ? ['rollout.minP'] : []),
    ...(repetitionPenalty !== 1 ? ['rollout.repetitionPenalty'] : []),
  ];
  if (options.length === 0) return undefined;
  return (
    `${options.join(', ')}: with it, vllm returns the log-probabilities of the changed distribution instead of the ` +
    "policy's, which training needs; leave it out, or set ENGINE=native"
  );
}

async function checkHealth(server: EngineServer, limits: RequestLimits): Promise<void> {
  await server.get(paths.health, limits);
}

async function describe(server: EngineServer, model: string | undefined, limits: RequestLimits): Promise<EngineFacts> {
  const { version } = server.parse(paths.version, versionAnswer, await server.get(paths.version, limits));
  const { data } = server.parse(paths.models, modelsAnswer, await server.get(paths.models, limits));
  const bases = data.filter(({ parent }) => parent === undefined || parent === null);
  const names = bases.map(({ id }) => id).join(', ');
  const base = model === undefined ? bases[0] : bases.find(({ id }) => id === model);
  if (base === undefined || (model === undefined && bases.length > 1)) {
    throw new EngineFailure(`${server.name} has the models ${names || 'none'}; set ENGINE_MODEL to one of them`);
  }
  await requireAdapters(server, limits);
  const route = await probe(server, base.id, limits);
  return { version, model: base.id, context: base.max_model_len ?? undefined, route };
}

/** @throws EngineFailure if adapters cannot be loaded */
async function requireAdapters(server: EngineServer, limits: RequestLimits): Promise<void> {
  try {
    await server.post(paths.unload, { lora_name: 'gapo-none' }, limits);
  } catch (error) {
    // The message about the adapter says that the route exists.
    if (error instanceof EngineFailure && !error.passing && /gapo-none/.test(error.message)) return;
    if (!(error instanceof EngineFailure) || error.status !== 404) throw error;
    throw new EngineFailure(
      `${server.name} cannot load adapters; start it with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1`,
      { cause: error },
    );
  }
}

/** Finds the route of completions, and checks that log-probabilities are after the temperature. */
async function probe(server: EngineServer, model: string, limits: RequestLimits): Promise<Route> {
  let route: Route = paths.generate;
  const topAt = async (promptIds: readonly number[], temperature: number): Promise<ReadonlyMap<string, number>> => {
    const sampling = { ...plain, temperature, max_tokens: 1, logprobs: 2, seed: 0, ignore_eos: true };
    const { top } = await call(server, route, { id: 'gapo-probe', model, promptIds, sampling }, limits);
    return at(top, 0);
  };
  for (const promptIds of probePrompts) {
    let atOne: ReadonlyMap<string, number>;
    try {
      atOne = await topAt(promptIds, 1);
    } catch (error) {
      const absent = error instanceof EngineFailure && (error.status === 403 || error.status === 404);
      if (!absent || route === paths.completions) throw error;
      route = paths.completions;
      atOne = await topAt(promptIds, 1);
    }
    const found = isAfterTemperature(pairOf(atOne, await topAt(promptIds, 2)));
    if (found === true) return route;
    if (found === false) {
      throw new EngineFailure(
        `${server.name} returns log-probabilities before the temperature; start it with --logprobs-mode processed_logprobs`,
      );
    }
  }
  throw new EngineFailure(
    `${server.name}: the model finds all next tokens equally probable, so that nothing shows whether it was started with ` +
      '--logprobs-mode processed_logprobs; check its model',
  );
}

/** Returns the log-probabilities of the two most probable tokens that both maps have; equal ones if there are none. */
function pairOf(one: ReadonlyMap<string, number>, two: ReadonlyMap<string, number>): TemperatureProbe {
  const [first, second] = [...one.keys()].filter((token) => two.has(token));
  const of = (map: ReadonlyMap<string, number>): [number, number] => [
    map.get(first ?? '') ?? 0,
    map.get(second ?? '') ?? 0,
  ];
  return second === undefined ? { atOne: [0, 0], atTwo: [0, 0] } : { atOne: of(one), atTwo: of(two) };
}

async function load(server: EngineServer, { name, path }: ServedAdapter, limits: RequestLimits): Promise<void> {
  try {
    await server.post(paths.load, { lora_name: name, lora_path: path }, limits);
  } catch (error) {
    if (error instanceof EngineFailure && /already been loaded/.test(error.message)) return;
    throw error;
  }
}

async function unload(server: EngineServer, name: string, limits: RequestLimits): Promise<void> {
  try {
    await server.post(paths.unload, { lora_name: name }, limits);
  } catch (error) {
    if (error instanceof EngineFailure && !error.passing) return; // it is not loaded
    throw error;
  }
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
  server: EngineServer,
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
  const { reason, ids, logprobs } = await call(server, route as Route, { id, model, promptIds, sampling }, limits);
  if (reason === 'abort' || reason === 'error')
    throw new EngineFailure(`${server.name} ended a completion: ${reason}`, { passing: true });
  return { ids, logprobs };
}

async function call(server: EngineServer, route: Route, asked: Asked, limits: RequestLimits): Promise<Answer> {
  const { id, model, promptIds, sampling } = asked;
  if (route === paths.generate) {
    const body = { request_id: id, model, token_ids: promptIds, sampling_params: sampling, stream: false };
    const { choices } = server.parse(route, generateAnswer, await server.post(route, body, limits));
    const [{ token_ids, finish_reason, logprobs }] = choices;
    return {
      reason: finish_reason,
      ids: token_ids,
      logprobs: logprobs.content.map(({ logprob }) => logprob),
      top: logprobs.content.map(
        ({ top_logprobs }) => new Map(top_logprobs.map(({ token, logprob }) => [token, logprob])),
      ),
    };
  }
  const tokens = { return_token_ids: true, return_tokens_as_token_ids: true };
  const body = { request_id: id, model, prompt: promptIds, ...sampling, ...tokens, stream: false };
  const { choices } = server.parse(route, completionsAnswer, await server.post(route, body, limits));
  const [{ token_ids, finish_reason, logprobs }] = choices;
  return {
    reason: finish_reason,
    ids: token_ids,
    logprobs: logprobs.token_logprobs,
    top: (logprobs.top_logprobs ?? []).map((one) => new Map(Object.entries(one))),
  };
}

/** Whether the server does not know the adapter. */
function lacksAdapter({ status, message }: { readonly status: number | undefined; readonly message: string }): boolean {
  return status === 404 && /does not exist/.test(message);
}

/** vLLM. */
export const vllm: EngineProtocol = {
  name: 'vllm',
  refusal,
  checkHealth,
  describe,
  load,
  unload,
  complete,
  lacksAdapter,
};
