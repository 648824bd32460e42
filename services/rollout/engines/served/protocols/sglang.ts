/**
 * SGLang, by its native HTTP interface: https://docs.sglang.io/basic_usage/native_api.html. Written from
 * its documentation and source (0.5.23), and tested against responses in the documented format. Not tested
 * with a real server.
 */
import { RequestFailure, type HttpClient, type RequestLimits } from '@gapo/http';
import { z } from '@gapo/service';
import { distributionRefusal } from './distributionRefusal.js';
import { assertAfterTemperature, topTokens } from './processedLogprobs.js';
import type {
  CompletionRequest,
  EngineFacts,
  EngineProtocol,
  Expected,
  ServedCompletion,
  ServedPolicy,
} from './protocol.js';

const paths = {
  health: '/health',
  info: '/server_info',
  load: '/load_lora_adapter',
  unload: '/unload_lora_adapter',
  generate: '/generate',
} as const;

const infoAnswer = z.object({
  version: z.string(),
  model_path: z.string(),
  served_model_name: z.string().nullish(),
  enable_lora: z.boolean().nullish(),
  enable_deterministic_inference: z.boolean().nullish(),
});

/** Log-probability, token id, and the token's text. */
const logprobEntry = z.tuple([z.number(), z.int().min(0)], z.unknown());

const generateAnswer = z.object({
  output_ids: z.array(z.int().min(0)),
  meta_info: z.object({
    finish_reason: z.object({ type: z.string(), message: z.string().optional() }),
    output_token_logprobs: z.array(logprobEntry),
    output_top_logprobs: z.array(z.array(logprobEntry).nullable()).optional(),
  }),
});

const updateAnswer = z.object({ success: z.boolean(), error_message: z.string().nullish() });

async function checkHealth(server: HttpClient, limits: RequestLimits): Promise<void> {
  await server.get(paths.health, limits);
}

async function describe(server: HttpClient, { model }: Expected, limits: RequestLimits): Promise<EngineFacts> {
  const info = (await server.get(paths.info, limits)).as(infoAnswer);
  const base = info.served_model_name ?? info.model_path;
  if (model !== undefined && model !== base) {
    throw new RequestFailure(`${server.name} has the model ${base}; set ENGINE_MODEL to it, or leave it out`);
  }
  if (info.enable_lora !== true) {
    throw new RequestFailure(`${server.name} cannot load adapters; start it with --enable-lora`);
  }
  if (info.enable_deterministic_inference !== true) {
    throw new RequestFailure(
      `${server.name} ignores the seeds of completions; start it with --enable-deterministic-inference`,
    );
  }
  await assertAfterTemperature(
    server.name,
    'without SGLANG_RETURN_ORIGINAL_LOGPROB',
    async (promptIds, temperature) => {
      const sampling = { ...plain, temperature, max_new_tokens: 1, sampling_seed: 0, ignore_eos: true };
      const { meta_info: meta } = await generate(
        server,
        { input_ids: promptIds, top_logprobs_num: topTokens },
        sampling,
        limits,
      );
      const [first] = meta.output_top_logprobs ?? [];
      return new Map((first ?? []).map(([logprob, id]) => [String(id), logprob]));
    },
  );
  const refusal = `${onlyAdapters}; set policy.train to lora, or ENGINE=native or vllm`;
  return {
    version: info.version,
    context: undefined,
    route: paths.generate,
    base,
    refused: { weights: refusal, tiedWeights: refusal },
  };
}

async function load(server: HttpClient, { name, path }: ServedPolicy, limits: RequestLimits): Promise<void> {
  await update(server, paths.load, { lora_name: name, lora_path: path }, limits);
}

async function unload(server: HttpClient, name: string, limits: RequestLimits): Promise<void> {
  await update(server, paths.unload, { lora_name: name }, limits);
}

async function update(
  server: HttpClient,
  path: string,
  body: Readonly<Record<string, string>>,
  limits: RequestLimits,
): Promise<void> {
  const answer = await server.post(path, body, limits);
  const { success, error_message: message } = answer.as(updateAnswer);
  if (!success) throw answer.failure(message ?? 'no reason');
}

/** Its interface for replacing weights has not been tested. */
const onlyAdapters = 'gets adapters of gapo, not all weights (policy.train: full)';

async function replaceWeights(server: HttpClient): Promise<void> {
  throw new RequestFailure(`${server.name} ${onlyAdapters}`);
}

/** Every option is sent, because a server takes missing ones from the model's generation_config.json. */
const plain = {
  n: 1,
  top_p: 1,
  top_k: -1,
  min_p: 0,
  frequency_penalty: 0,
  presence_penalty: 0,
  repetition_penalty: 1,
  min_new_tokens: 0,
  skip_special_tokens: false,
  no_stop_trim: true,
} as const;

async function complete(
  server: HttpClient,
  _facts: EngineFacts,
  { id, policy, promptIds, temperature, seed, maxTokens, endIds, stop }: CompletionRequest,
  limits: RequestLimits,
): Promise<ServedCompletion> {
  const sampling = {
    ...plain,
    temperature,
    sampling_seed: seed % 2 ** 31, // a tensor of int32 keeps them
    max_new_tokens: maxTokens,
    ignore_eos: true, // the model's own end tokens are sent instead
    stop_token_ids: endIds,
    ...(stop.length > 0 && { stop }),
  };
  const asked = { rid: id, lora_path: policy.name, input_ids: promptIds };
  const { output_ids: ids, meta_info: meta } = await generate(server, asked, sampling, limits);
  const { type, message } = meta.finish_reason;
  if (type === 'abort')
    throw new RequestFailure(`${server.name} ended a completion: ${message ?? type}`, { retryable: true });
  return { ids, logprobs: meta.output_token_logprobs.map(([logprob]) => logprob) };
}

async function generate(
  server: HttpClient,
  asked: Readonly<Record<string, unknown>>,
  sampling: Readonly<Record<string, unknown>>,
  limits: RequestLimits,
): Promise<z.output<typeof generateAnswer>> {
  const body = { ...asked, sampling_params: sampling, return_logprob: true, logprob_start_len: -1, stream: false };
  return (await server.post(paths.generate, body, limits)).as(generateAnswer);
}

/** SGLang. */
export const sglang: EngineProtocol = {
  name: 'sglang',
  refusal: (options) => distributionRefusal('sglang', options),
  checkHealth,
  describe,
  load,
  unload,
  replaceWeights,
  complete,
  hasAdapter: ({ body = '' }) => /already (been )?(loaded|registered)|already exists/i.test(body),
  lacksAdapter: ({ status, body = '' }) =>
    (status === 400 || status === 200) && /not (been )?(found|loaded|registered)|does not exist/i.test(body),
};
