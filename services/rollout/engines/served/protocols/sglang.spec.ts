/**
 * SGLang's interface, tested against responses in the documented format, because no server was available to
 * record them from.
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { HttpClient, RequestFailure } from '@gapo/http';
import { answering, json, type Asked } from '@gapo/http/testing';
import { loadAdapter, unloadAdapter } from './adapters.js';
import { sglang } from './sglang.js';

type Answer = (asked: Asked) => { readonly status?: number; readonly json: unknown };

const limits = { signal: new AbortController().signal, timeoutMs: 60_000 };
const info = {
  version: '0.5.23',
  model_path: '/models/policy',
  enable_lora: true,
  enable_deterministic_inference: true,
};

/** A server whose responses the test defines, and the requests it received. */
async function serving(t: TestContext, answer: Answer): Promise<{ server: HttpClient; asked: () => unknown[] }> {
  const { url, asked } = await answering(t, (one, response) => {
    const { status, json: value } = answer(one);
    json(response, value, status);
  });
  const server = new HttpClient({ url });
  t.after(() => server.close());
  return { server, asked: () => asked.map(({ path, body }) => ({ path, body })) };
}

/** A response of /generate whose most probable tokens 5 and 6 have logits 3 and 1. */
function generated(divisor: number): unknown {
  const top = [-0.1, -0.1 - 2 / divisor].map((logprob, i) => [logprob, 5 + i, null]);
  const finish = { type: 'length', length: 1 };
  return {
    text: '',
    output_ids: [5],
    meta_info: { id: 'x', finish_reason: finish, output_token_logprobs: [[-0.1, 5, null]], output_top_logprobs: [top] },
  };
}

const temperatureOf = ({ body }: Asked): number => (body['sampling_params'] as { temperature: number }).temperature;

test('a server that was started correctly identifies itself', async (t) => {
  const { server } = await serving(t, (asked) => ({
    json: asked.path === '/server_info' ? info : generated(temperatureOf(asked)),
  }));
  const facts = await sglang.describe(server, { model: undefined, adapters: 2 }, limits);
  const { refused, ...others } = facts;
  assert.deepEqual(others, { version: '0.5.23', context: undefined, route: '/generate', base: '/models/policy' });
  assert.deepEqual(Object.keys(refused), ['weights', 'tiedWeights']);
});

for (const [what, changed, divisor, details] of [
  ['without adapters', { enable_lora: false }, 1, /cannot load adapters; start it with --enable-lora$/],
  [
    'without seeds',
    { enable_deterministic_inference: false },
    1,
    /ignores the seeds .* --enable-deterministic-inference$/,
  ],
  [
    'with raw log-probabilities',
    {},
    1,
    /log-probabilities before the temperature; start it without SGLANG_RETURN_ORIGINAL/,
  ],
] as const) {
  test(`a server ${what} is refused, with what to start it with`, async (t) => {
    const { server } = await serving(t, ({ path }) => ({
      json: path === '/server_info' ? { ...info, ...changed } : generated(divisor),
    }));
    await assert.rejects(
      sglang.describe(server, { model: undefined, adapters: 2 }, limits),
      (error) => error instanceof RequestFailure && details.test(error.message),
    );
  });
}

test('a completion is requested as tokens, with every option', async (t) => {
  const finish = { type: 'stop', matched: 2 };
  const meta = { finish_reason: finish, output_token_logprobs: [[-0.5, 7, null], [-0.25, 2, null]] }; // prettier-ignore
  const { server, asked } = await serving(t, () => ({ json: { text: '', output_ids: [7, 2], meta_info: meta } }));
  const facts = { version: '0.5.23', context: undefined, route: '/generate', base: '/models/policy', refused: {} };
  const request = {
    id: 'one',
    policy: { kind: 'adapter', name: 'gapo-run-v3-abc', path: '/adapters/gapo-run-v3-abc' } as const,
    promptIds: [1, 4],
    temperature: 0.7,
    seed: 2 ** 40 + 9,
    maxTokens: 8,
    endIds: [2],
    stop: ['\n\n'],
  };
  const completion = await sglang.complete(server, facts, request, limits);
  assert.deepEqual(completion, { ids: [7, 2], logprobs: [-0.5, -0.25] });
  assert.deepEqual(asked(), [
    {
      path: '/generate',
      body: {
        rid: 'one',
        lora_path: 'gapo-run-v3-abc',
        input_ids: [1, 4],
        sampling_params: {
          n: 1,
          temperature: 0.7,
          top_p: 1,
          top_k: -1,
          min_p: 0,
          frequency_penalty: 0,
          presence_penalty: 0,
          repetition_penalty: 1,
          min_new_tokens: 0,
          max_new_tokens: 8,
          sampling_seed: 9,
          ignore_eos: true,
          stop_token_ids: [2],
          stop: ['\n\n'],
          skip_special_tokens: false,
          no_stop_trim: true,
        },
        return_logprob: true,
        logprob_start_len: -1,
        stream: false,
      },
    },
  ]);
});

test('adapters are loaded and unloaded by name; repeating either is not an error', async (t) => {
  let answer: { status?: number; json: unknown } = { json: { success: true, loaded_adapters: {} } };
  const { server, asked } = await serving(t, () => answer);
  const adapter = { kind: 'adapter', name: 'gapo-run-v1-abc', path: '/adapters/gapo-run-v1-abc' } as const;
  await loadAdapter(sglang, server, adapter, limits);
  await unloadAdapter(sglang, server, adapter.name, limits);
  assert.deepEqual(asked(), [
    { path: '/load_lora_adapter', body: { lora_name: adapter.name, lora_path: adapter.path } },
    { path: '/unload_lora_adapter', body: { lora_name: adapter.name } },
  ]);
  answer = { status: 400, json: { success: false, error_message: 'LoRA adapter gapo-run-v1-abc is already loaded.' } };
  await loadAdapter(sglang, server, adapter, limits);
  answer = { json: { success: false, error_message: 'LoRA adapter gapo-run-v1-abc not found' } };
  await unloadAdapter(sglang, server, adapter.name, limits);
  answer = { status: 400, json: { success: false, error_message: 'rank 64 is above max_lora_rank' } };
  await assert.rejects(loadAdapter(sglang, server, adapter, limits), /rank 64 is above max_lora_rank/);
});
