// vLLM's interface: servers that lack a required feature are refused with its name, and weights are replaced in order. test/engines tests
// against vLLM itself.
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { HttpClient, RequestFailure } from '@gapo/http';
import { answering, json, type Asked } from '@gapo/http/testing';
import type { CompletionRequest, EngineFacts } from '../protocol.js';
import { vllm } from './mod.js';

const limits = { signal: new AbortController().signal, timeoutMs: 60_000 };
const expected = { model: undefined, adapters: 2 };

/** A server's response at a path. */
type Answer = { readonly status: number; readonly json: unknown } | { readonly text: string };
type Server = Readonly<Record<string, (asked: Asked) => Answer>>;

const ok = (value: unknown): Answer => ({ status: 200, json: value });
const absent: Answer = { status: 404, json: { detail: 'Not Found' } };
const noAdapter: Answer = {
  status: 404,
  json: { error: { message: "The lora adapter 'gapo-none' cannot be found." } },
};

/** A choice of /inference/v1/generate whose most probable tokens 5 and 6 have logits 3 and 1. */
function generated({ body }: Asked, weights: readonly string[] = ['default']): Answer {
  const { temperature } = body['sampling_params'] as { temperature: number };
  const top = [5, 6].map((token_id, i) => ({ token_id, logprob: -0.1 - (2 * i) / temperature }));
  const content = [{ logprob: -0.1, top_logprobs: top }];
  const choice = { token_ids: [5], finish_reason: 'length', logprobs: { content } };
  return ok({ choices: [{ ...choice, weight_versions: weights.map((version) => ({ version })) }] });
}

const lora: Server = {
  '/version': () => ok({ version: '0.32.0' }),
  '/v1/models': () => ok({ data: [{ id: 'policy', max_model_len: 128 }] }),
  '/v1/unload_lora_adapter': () => noAdapter,
  '/v1/load_lora_adapter': () => ({ status: 404, json: { error: { message: 'No adapter found for /gapo-none' } } }),
  '/inference/v1/generate': (asked) => generated(asked),
  '/metrics': () => ({
    text: '# HELP x\nvllm:lora_requests_info{engine="0",max_lora="2",running_lora_adapters=""} 1.7e9\n',
  }),
};
/** A server suitable for full training. */
const full: Server = {
  ...lora,
  '/v1/unload_lora_adapter': () => absent,
  '/weight_info': () => ok({ weight_version: 'default' }),
  '/server_info': () => ok({ vllm_config: "model='policy', device_config=cuda" }),
};

async function serving(t: TestContext, server: Server): Promise<{ server: HttpClient; asked: readonly Asked[] }> {
  const { url, asked } = await answering(t, (one, response) => {
    const answer = server[one.path]?.(one) ?? absent;
    if ('text' in answer) response.end(answer.text);
    else json(response, answer.json, answer.status);
  });
  const client = new HttpClient({ url });
  t.after(() => client.close());
  return { server: client, asked };
}

describe('what a server is', () => {
  const describedBy = async (t: TestContext, server: Server): Promise<EngineFacts> =>
    vllm.describe((await serving(t, server)).server, expected, limits);

  test('one that loads adapters says why it takes no weights, and one for weights why it takes no adapters', async (t) => {
    const { refused, ...facts } = await describedBy(t, lora);
    const common = { version: '0.32.0', context: 128, route: '/inference/v1/generate', base: 'policy' };
    assert.deepEqual(facts, common);
    assert.match(String(refused.weights), /^cannot replace its weights, .* start it with VLLM_SERVER_DEV_MODE=1 and --enable-scale-out, or set policy\.train to lora$/); // prettier-ignore
    assert.equal(refused.adapter, undefined);
    const other = await describedBy(t, full);
    assert.match(String(other.refused.adapter), /^cannot load adapters; start it with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1$/); // prettier-ignore
    assert.equal(other.refused.weights, undefined);
  });

  test('one whose weights were replaced takes no adapters, which belong to others', async (t) => {
    const both = { ...full, ...lora, '/weight_info': () => ok({ weight_version: 'gapo-run-v3-abc' }) };
    const { refused } = await describedBy(t, both);
    assert.deepEqual(refused, { adapter: "has the weights gapo-run-v3-abc in place of its model's, which adapters belong to; start it again" }); // prettier-ignore
  });

  test('one on a CPU takes no weights of a model with tied embeddings', async (t) => {
    const onCpu = { ...full, '/server_info': () => ok({ vllm_config: "model='policy', device_config=cpu" }) };
    const { refused } = await describedBy(t, onCpu);
    assert.deepEqual(Object.keys(refused), ['adapter', 'tiedWeights']);
    assert.match(
      String(refused.tiedWeights),
      /^computes on a CPU, .* \(tie_word_embeddings\); set policy\.train to lora/,
    );
  });

  test('one whose weights could not be replaced is not asked for a completion, which it would not answer', async (t) => {
    const paused = { ...full, '/weight_info': () => ok({ weight_version: 'gapo-replacing' }), '/inference/v1/generate': () => assert.fail('asked') }; // prettier-ignore
    assert.deepEqual(Object.keys((await describedBy(t, paused)).refused), ['adapter']);
  });

  test('one without statistics does not say how many adapters it uses', async (t) => {
    await describedBy(t, { ...lora, '/metrics': () => ({ text: '# no statistics\n' }) });
    await describedBy(t, { ...lora, '/metrics': () => absent });
  });

  const texts = { choices: [{ text: 'x', finish_reason: 'length', logprobs: { token_logprobs: [-0.1] } }] };
  const refusals: readonly (readonly [string, Server, RegExp])[] = [
    ['neither adapters nor weights', { ...lora, '/v1/unload_lora_adapter': () => absent }, /cannot load adapters; start it with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 \(for policy\.train: full with VLLM_SERVER_DEV_MODE=1/],
    ['an engine without adapters', { ...lora, '/v1/load_lora_adapter': () => ({ status: 500, json: { error: { message: 'LoRA is not enabled. Use --enable-lora to enable LoRA.' } } }) }, /cannot load adapters; start it with --enable-lora/],
    ['too few adapters at a time', { ...lora, '/metrics': () => ({ text: 'vllm:lora_requests_info{max_lora="1"} 1\n' }) }, /uses 1 adapter at a time, and ENGINE_ADAPTERS is 2; start it with --max-loras 2, or set ENGINE_ADAPTERS=1$/],
    ['no token ids', { ...lora, '/inference/v1/generate': () => absent, '/v1/completions': () => ok(texts) }, /returns texts without token ids, as vLLM does before 0\.10\.2; update it$/],
    ['two base models', { ...lora, '/v1/models': () => ok({ data: [{ id: 'a' }, { id: 'b' }] }) }, /has the models a, b; set ENGINE_MODEL to one of them$/],
    ['log-probabilities before the temperature', { ...lora, '/inference/v1/generate': (asked) => generated({ ...asked, body: { sampling_params: { temperature: 1 } } }) }, /before the temperature; start it with --logprobs-mode processed_logprobs$/],
  ]; // prettier-ignore
  for (const [what, server, details] of refusals) {
    test(`one with ${what} is refused by name`, async (t) => {
      const isNamed = (error: unknown): boolean =>
        error instanceof RequestFailure && error.message.startsWith('http://127.0.0.1:') && details.test(error.message);
      await assert.rejects(describedBy(t, server), isNamed);
    });
  }
});

describe('all weights', () => {
  const weights = { kind: 'weights', name: 'gapo-run-v2-abc', path: '/volume/gapo-run-v2-abc' } as const;

  test('are replaced while the server is paused, and named once it continues with all of them', async (t) => {
    let name = 'default';
    const { server, asked } = await serving(t, {
      '/weight_info': () => ok({ weight_version: name }),
      '/pause': () => ok({ status: 'paused' }),
      '/update_weight_version': ({ body }) => ok({ new_version: (name = String(body['new_version'])) }),
      '/collective_rpc': () => ok({ results: [null] }),
      '/resume': () => ok({ status: 'resumed' }),
    });
    await vllm.replaceWeights(server, weights, limits);
    await vllm.replaceWeights(server, weights, limits);
    assert.deepEqual(
      asked.map(({ path, body }) => ({ path, body })),
      [
        { path: '/weight_info', body: {} },
        { path: '/pause', body: {} },
        { path: '/update_weight_version', body: { new_version: 'gapo-replacing' } },
        { path: '/collective_rpc', body: { method: 'reload_weights', kwargs: { weights_path: weights.path } } },
        { path: '/resume', body: {} },
        { path: '/update_weight_version', body: { new_version: weights.name } },
        { path: '/weight_info', body: {} },
      ],
    );
  });

  test('that cannot be read leave the server paused and without a version', async (t) => {
    const { server, asked } = await serving(t, {
      '/weight_info': () => ok({ weight_version: 'default' }),
      '/pause': () => ok({}),
      '/update_weight_version': () => ok({}),
      '/collective_rpc': () => ({ status: 500, json: { error: { message: 'no such directory' } } }),
    });
    await assert.rejects(vllm.replaceWeights(server, weights, limits), /collective_rpc: HTTP 500: .*no such directory/);
    assert.deepEqual(asked.at(-2)?.body, { new_version: 'gapo-replacing' });
    assert.equal(asked.at(-1)?.path, '/collective_rpc');
  });

  const facts = { version: '0.32.0', context: 128, route: '/inference/v1/generate', base: 'policy', refused: {} };
  const adapter = { kind: 'adapter', name: 'gapo-run-v2-abc', path: '/volume/gapo-run-v2-abc' } as const;
  const request: Omit<CompletionRequest, 'policy'> = { id: 'one', promptIds: [1], temperature: 1, seed: 1, maxTokens: 1, endIds: [2], stop: [] }; // prettier-ignore
  for (const [policy, found, asked] of [
    [weights, [weights.name], 'policy'],
    [adapter, ['default'], adapter.name],
  ] as const) {
    test(`sample a completion that names them: ${policy.kind}`, async (t) => {
      const { server, asked: requests } = await serving(t, {
        '/inference/v1/generate': (one) => generated(one, found),
      });
      await vllm.complete(server, facts, { ...request, policy }, limits);
      assert.equal(requests[0]?.body['model'], asked);
    });
  }
  for (const [policy, found] of [
    [weights, ['default']],
    [weights, [weights.name, 'gapo-run-v3-def']],
    [adapter, ['gapo-run-v3-def']],
  ] as const) {
    test(`others are noticed: ${found.join(', ')} in place of ${policy.kind}`, async (t) => {
      const { server } = await serving(t, { '/inference/v1/generate': (one) => generated(one, found) });
      const isNoticed = (error: unknown): boolean =>
        error instanceof RequestFailure && error.retryable && /sampled from \S+ in place of gapo-run-v2-abc/.test(error.message); // prettier-ignore
      await assert.rejects(vllm.complete(server, facts, { ...request, policy }, limits), isNoticed);
    });
  }
});
