/**
 * Rollouts with vLLM: the worker's process against a server's recorded responses, or against a real server
 * (vllmServer.ts). RECORD=1 with one writes the recording.
 */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { before, describe, test } from 'node:test';
import { type DecoderModel, type NamedTensor, type TrainableSpec, initialTensors } from '@gapo/model';
import { required } from '@gapo/numeric';
import { RpcError, type Completion, type SamplingInput } from '@gapo/rpc';
import { deadlineMs, failsWith, suiteOwner } from '@gapo/worker/testing';
import type { Arrived, EngineStandIn, Intervention } from './engineStandIn.js';
import { hasServer, policyServerUrl } from './vllmServer.js';
import { isCompletion, isLoad, paths, tokensOf, tolerance, VllmWorker } from './vllmWorker.js';

const lora = { rank: 4, alpha: 8, targets: ['q_proj', 'v_proj', 'down_proj'] };
const trainable: TrainableSpec = { lora, valueHeads: 0 };

/** A version whose adapter changes what is sampled. Its numbers are the same on every machine. */
function versionOf(model: DecoderModel, version: number): readonly NamedTensor[] {
  return initialTensors(model.config, trainable, version, model.weights).map(({ name, shape, data }, index) => ({
    name,
    shape,
    data: name.includes('lora_B')
      ? data.map((_, i) => (((i * 7919 + index * 31 + version * 104_729) % 1009) / 1009 - 0.5) / 8)
      : data,
  }));
}

/** Makes a decision once, for the first matching request. */
function once(matches: (request: Arrived) => boolean, decision: ReturnType<Intervention>): Intervention {
  let left = 1;
  return (request) => (left > 0 && matches(request) && left-- > 0 ? decision : 'pass');
}

describe(hasServer ? 'rollouts by vLLM' : 'rollouts by vLLM, from its recorded answers', () => {
  const owner = suiteOwner();
  let worker: VllmWorker;
  let standIn: EngineStandIn;
  let url = '';

  before(async () => {
    worker = await VllmWorker.start(owner, {
      recording: 'vllm.json',
      trainable,
      spec: {
        mode: 'TRAINING_MODE_LORA',
        loraRank: lora.rank,
        loraAlpha: lora.alpha,
        loraTargets: lora.targets,
        valueHeads: 0,
      },
      versionOf,
      upstream: await policyServerUrl(owner),
    });
    ({ standIn, url } = worker);
  });

  const generated = (version: number, sampling: SamplingInput): Promise<Completion[]> =>
    worker.generated(version, sampling);

  test('the worker says which engine it has, and that it is checked', async () => {
    for (;;) {
      const answer = await worker.identity.Identify({}, { deadlineMs }).catch((error: unknown) => error);
      // A server's first completions may take longer than a coordinator's Identify deadline.
      if (answer instanceof RpcError && /has not yet identified itself/.test(answer.message)) continue;
      if (answer instanceof Error) throw answer;
      const { environment } = answer as { environment: Record<string, string> };
      assert.equal(environment['engine'], 'vllm');
      assert.match(environment['engineVersion'] ?? '', /^\d+\.\d+/);
      return;
    }
  });

  test('greedy tokens are those of the native engine, and log-probabilities are close', async (t) => {
    const completions = await generated(1, { temperature: 0 });
    await worker.assertGreedy(completions, 1);
    const gap = await worker.gapOf(completions, 1, 1);
    t.diagnostic(`largest difference of log-probabilities: ${gap}`);
    assert.ok(gap < tolerance);
  });

  test('log-probabilities are after the temperature, and the same request gets the same tokens', async (t) => {
    for (const temperature of [1, 0.7]) {
      const sampling = { temperature, samplesPerPrompt: 2 };
      const completions = await generated(1, sampling);
      assert.equal(completions.length, 4);
      assert.equal(new Set(completions.map(({ tokenIds }) => tokenIds.join())).size, 4, 'each has a seed of its own');
      assert.ok(completions.every(({ drawnLogprobs }) => drawnLogprobs.length === 0));
      const gap = await worker.gapOf(completions, 1, temperature);
      t.diagnostic(`largest difference of log-probabilities at temperature ${temperature}: ${gap}`);
      assert.ok(gap < tolerance);
      assert.deepEqual(tokensOf(await generated(1, sampling)), tokensOf(completions));
    }
  });

  test('every request of a shard is in the trace of its call', async () => {
    const sooner = standIn.arrived.length;
    await generated(1, { temperature: 0 });
    const traces = standIn.arrived
      .slice(sooner)
      .filter(isCompletion)
      .map(({ headers }) => /^00-([0-9a-f]{32})-[0-9a-f]{16}-01$/.exec(String(headers.traceparent))?.[1]);
    assert.equal(traces.length, 2);
    assert.equal(new Set(traces).size, 1);
    assert.ok(traces[0] !== undefined);
  });

  test('a stop string ends a completion at the token that completes it', async () => {
    const [free] = await generated(1, { temperature: 0 });
    const { tokenIds } = required(free, 'a completion');
    const stop = (await worker.tokenizer.decode(tokenIds)).slice(6, 9);
    const [stopped] = await generated(1, { temperature: 0, stop: [stop] });
    const { tokenIds: fewer, finishReason, logprobs } = required(stopped, 'a completion');
    assert.equal(finishReason, 'FINISH_REASON_STOP_STRING');
    assert.deepEqual(fewer, tokenIds.slice(0, fewer.length));
    assert.equal(logprobs.length, 4 * fewer.length);
    assert.ok((await worker.tokenizer.decode(fewer)).includes(stop));
    assert.ok(!(await worker.tokenizer.decode(fewer.slice(0, -1))).includes(stop));
  });

  test('versions are adapters under names of their own; the oldest is unloaded and its files are removed', async () => {
    const sooner = standIn.arrived.length;
    const [one, two] = [await generated(2, { temperature: 0 }), await generated(3, { temperature: 0 })];
    assert.ok((await worker.gapOf(one, 2, 1)) < tolerance && (await worker.gapOf(two, 3, 1)) < tolerance);
    assert.ok((await worker.gapOf(two, 2, 1)) > 0.01, 'the versions differ');
    const calls = standIn.arrived
      .slice(sooner)
      .filter(({ path, body }) => [paths.load, paths.unload].includes(path) && body['lora_name'] !== 'gapo-none');
    // On a busy machine, a health check may be late and an adapter may be loaded once more.
    const changes = calls.map(({ path, body }) => `${path} ${/-v(\d+)-/.exec(String(body['lora_name']))?.[1]}`);
    assert.deepEqual([...new Set(changes)], [`${paths.load} 2`, `${paths.unload} 1`, `${paths.load} 3`]);
    assert.ok(calls.every(({ body }) => !('load_inplace' in body)));
    const left = (await readdir(worker.volume)).map((name) => /-v(\d+)-/.exec(name)?.[1]).sort();
    assert.deepEqual(left, ['2', '3']);
  });

  test('without /inference/v1/generate, completions are requested by /v1/completions', async () => {
    const expected = await generated(3, { temperature: 0 });
    const forbidden = {
      status: 403,
      answer: { error: { message: 'the server was started without --enable-scale-out' } },
    };
    // After a failure, the server's properties are requested again.
    let fails = true;
    const completions = await worker.during(
      (one) => {
        if (one.path === paths.generate) return fails ? ((fails = false), 'reset') : forbidden;
        return 'pass';
      },
      () => generated(3, { temperature: 0 }),
    );
    assert.deepEqual(tokensOf(completions), tokensOf(expected));
    assert.equal(standIn.arrived.filter(isCompletion).at(-1)?.path, paths.completions);
    await worker.during(once(isCompletion, 'reset'), () => generated(3, { temperature: 0 }));
  });

  test('a connection that breaks, an overloaded server and a lost adapter are repeated, with the same result', async () => {
    const expected = await generated(3, { temperature: 1 });
    const name = required(standIn.arrived.filter(isCompletion).at(-1), 'a request').body['model'];
    const lost = {
      error: { message: `The model \`${String(name)}\` does not exist.`, type: 'NotFoundError', code: 404 },
    };
    for (const decision of [
      'reset',
      { status: 503, answer: { error: { message: 'overloaded' } }, headers: { 'retry-after': '0.01' } },
      { status: 404, answer: lost },
    ] as const) {
      const loads = standIn.arrived.filter(isLoad).length;
      const completions = await worker.during(once(isCompletion, decision), () => generated(3, { temperature: 1 }));
      assert.deepEqual(tokensOf(completions), tokensOf(expected));
      const more = standIn.arrived.filter(isLoad).length - loads;
      assert.equal(more, typeof decision === 'object' && decision.status === 503 ? 0 : 1, 'adapters are loaded again');
    }
  });

  test('a cancelled call ends its requests', async () => {
    const sooner = standIn.arrived.length;
    await worker.during(
      (one) => (isCompletion(one) ? 'hang' : 'pass'),
      async () => {
        const call = new AbortController();
        const stream = worker.client.Generate(worker.request(3, { temperature: 1 }), {
          deadlineMs,
          signal: call.signal,
        });
        const ended = assert.rejects(async () => {
          for await (const message of stream) assert.equal(message, undefined);
        });
        const waiting = (): Arrived[] => standIn.arrived.slice(sooner).filter(isCompletion);
        while (waiting().length < 2) await new Promise((resolve) => setImmediate(resolve));
        call.abort();
        await ended;
        assert.deepEqual(await Promise.all(waiting().map((one) => one.ended)), [false, false]);
      },
    );
  });

  const refused: readonly (readonly [string, SamplingInput, RegExp])[] = [
    ['top-k', { topK: 5 }, /^rollout\.topK: with it, vllm does not return the log-probabilities both of the policy/],
    [
      'top-p and a penalty',
      { topP: 0.5, repetitionPenalty: 1.2 },
      /^rollout\.topP, rollout\.repetitionPenalty: with it/,
    ],
    ['min-p', { minP: 0.1 }, /^rollout\.minP: .* set ENGINE=native$/],
  ];
  for (const [what, sampling, details] of refused) {
    test(`${what} is refused by name`, async () => {
      await assert.rejects(generated(3, { temperature: 1, ...sampling }), failsWith('FAILED_PRECONDITION', details));
    });
  }

  test('a server whose context is too short is refused, with the numbers', async () => {
    await worker.during(once(isCompletion, 'reset'), () => generated(3, { temperature: 0 }));
    const short = { status: 200, answer: { data: [{ id: 'policy', max_model_len: 16 }] } };
    const reset = once(isCompletion, 'reset');
    const details = /has a context of 16 tokens, and a completion may need \d+; start it with a longer one/;
    await worker.during(
      (one) => (one.path === '/v1/models' ? short : reset(one)),
      () => assert.rejects(generated(3, { temperature: 0 }), failsWith('FAILED_PRECONDITION', details)),
    );
    await worker.during(once(isCompletion, 'reset'), () => generated(3, { temperature: 0 }));
  });

  test('a server that hangs loses its requests, and the error names it', async () => {
    const hang: Intervention = (one) => (isCompletion(one) || one.path === '/health' ? 'hang' : 'pass');
    const details = new RegExp(`^the vllm server ${url}/health: no answer within \\d+ s$`);
    await worker.during(hang, () =>
      assert.rejects(generated(3, { temperature: 1 }), failsWith('UNAVAILABLE', details)),
    );
    assert.equal((await generated(3, { temperature: 0 })).length, 2, 'and serves again once it answers');
  });

  test('a server with log-probabilities before the temperature is refused, and the message names the option', async () => {
    await worker.during(once(isCompletion, 'reset'), () => generated(3, { temperature: 0 }));
    const raw: Intervention = ({ method, path, body }) => {
      const sampling = body['sampling_params'] as { temperature: number } | undefined;
      if (sampling?.temperature !== 2) return 'pass';
      const cold = { ...body, sampling_params: { ...sampling, temperature: 1 } };
      return { status: 200, answer: standIn.answerTo(method, path, cold) };
    };
    const reset = once(isCompletion, 'reset');
    const details =
      /returns log-probabilities before the temperature; start it with --logprobs-mode processed_logprobs$/;
    await worker.during(
      (one) => {
        const first = reset(one);
        return first === 'pass' ? raw(one) : first;
      },
      async () => {
        await assert.rejects(generated(3, { temperature: 0 }), failsWith('UNAVAILABLE', details));
        await assert.rejects(worker.identity.Identify({}, { deadlineMs }), failsWith('UNAVAILABLE', details));
      },
    );
  });

  test('a server that is gone is named, to callers and to the coordinator', async () => {
    await worker.during(
      () => 'reset',
      async () => {
        const details = new RegExp(`^the vllm server ${url}/\\S+: cannot be reached: `);
        await assert.rejects(generated(3, { temperature: 1 }), failsWith('UNAVAILABLE', details));
        await assert.rejects(worker.identity.Identify({}, { deadlineMs }), failsWith('UNAVAILABLE', details));
      },
    );
  });
});
