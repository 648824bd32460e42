/** The rollout service over gRPC, with a real tensor thread: the sampler's own tokens, and cancellation. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import { Tokenizer } from '@gapo/model';
import { Sampler, type SamplingOptions } from '@gapo/policy';
import {
  type Client,
  type Completion,
  type GenerateRequestInput,
  type RpcCode,
  type SamplingInput,
  connect,
} from '@gapo/rpc';
import type { WorkerThread } from '@gapo/service';
import type { VersionStore } from '@gapo/worker';
import {
  type PolicyServer,
  type TinyPolicy,
  damageWeights,
  deadlineMs,
  failsWith,
  serveWorker,
  suiteOwner,
  testWorkerProcess,
  tinyConfig,
  tinyPolicy,
  tinyTrainable,
  versionsOf,
} from '@gapo/worker/testing';
import { nativeEngine, type SamplingTasks } from './engines/native/nativeEngine.js';
import type { SampleTask } from './engines/native/samplingThread.js';
import { rolloutService } from './server.js';

type RolloutClient = Client<'gapo.rollout.v1.RolloutService'>;

const prompts = [
  { index: 4, tokenIds: [1] },
  { index: 7, tokenIds: [1, 5, 6, 9] },
];
const sampling = { temperature: 0.7, maxNewTokens: 40, samplesPerPrompt: 6 };
const request = (policy: TinyPolicy): GenerateRequestInput => ({
  policy: policy.ref(0),
  prompts,
  sampling,
  seed: 11,
  step: 4,
});

async function generated(client: RolloutClient, input: GenerateRequestInput): Promise<Completion[]> {
  const completions: Completion[] = [];
  for await (const message of client.Generate(input, { deadlineMs })) completions.push(...message.completions);
  return completions.sort((a, b) => a.prompt - b.prompt || a.sample - b.sample);
}

/** The completions expected on the wire, computed by the sampler directly. */
async function sampled(policy: TinyPolicy, how: Partial<SamplingOptions> = {}): Promise<Completion[]> {
  const sampler = new Sampler(policy.model, tinyTrainable, { threads: 1 });
  const completions: Completion[] = [];
  const some = prompts.map(({ index, tokenIds }) => ({ index, ids: tokenIds }));
  const options = { ...sampling, seed: 11, step: 4, ...how };
  for await (const completion of sampler.sample(policy.version(0), some, options)) {
    const { prompt, sample, ids, logprobs, drawnLogprobs = new Float32Array(0), finishReason } = completion;
    const reason = finishReason === 'stop' ? 'FINISH_REASON_STOP' : 'FINISH_REASON_LENGTH';
    completions.push({
      prompt,
      sample,
      tokenIds: [...ids],
      logprobs: Buffer.from(logprobs.buffer),
      finishReason: reason,
      drawnLogprobs: Buffer.from(drawnLogprobs.buffer),
    });
  }
  await sampler.close();
  return completions.sort((a, b) => a.prompt - b.prompt || a.sample - b.sample);
}

describe('the rollout service', () => {
  const owner = suiteOwner();
  let policy: TinyPolicy;
  let coordinator: PolicyServer;
  let client: RolloutClient;
  let thread: WorkerThread<SamplingTasks>;
  /** The tasks that the thread received, and their results. */
  const tasks: { readonly task: SampleTask; readonly done: Promise<unknown> }[] = [];
  /** Delays when the service sees that a task has ended. */
  let held = Promise.resolve();

  before(async () => {
    policy = await tinyPolicy(owner);
    coordinator = await versionsOf(owner, policy);
    const worker = {
      thread: new URL('./engines/native/samplingThread.js', import.meta.url),
      service: (versions: VersionStore, own: WorkerThread<SamplingTasks>) => {
        thread = own;
        const run = thread.run.bind(thread);
        thread.run = (name, task, transfer) => {
          const done = run(name, task, transfer).finally(() => held);
          tasks.push({ task, done });
          return done;
        };
        return rolloutService(versions, nativeEngine(thread));
      },
    };
    const address = await serveWorker<SamplingTasks>(owner, worker, coordinator);
    client = connect('gapo.rollout.v1.RolloutService', address);
    owner.after(async () => client.close());
  });

  test('its tokens and log-probabilities are those of the sampler, to the last bit', async () => {
    const completions = await generated(client, request(policy));
    assert.equal(completions.length, 12);
    assert.deepEqual(completions, await sampled(policy));
    assert.deepEqual(await generated(client, request(policy)), completions, 'and a repeated call gets the same');
  });

  test('every option reaches the sampler, and both log-probabilities are returned', async () => {
    const how = { topK: 6, topP: 0.9, minP: 0.01, repetitionPenalty: 1.3, batch: 5 };
    const input = request(policy);
    const completions = await generated(client, { ...input, sampling: { ...sampling, ...how } });
    assert.deepEqual(completions, await sampled(policy, how));
    assert.ok(completions.every(({ logprobs, drawnLogprobs }) => drawnLogprobs.length === logprobs.length));
  });

  test('a stop string without a tokenizer beside the model is FAILED_PRECONDITION; with one it ends completions', async () => {
    const stopping = (stop: string): GenerateRequestInput => ({
      ...request(policy),
      sampling: { ...sampling, stop: [stop] },
    });
    await assert.rejects(generated(client, stopping('x')), failsWith('FAILED_PRECONDITION', /tokenizer\.json/));
    const example = new URL('../../../examples/assistant/models/policy/', import.meta.url);
    for (const file of ['tokenizer.json', 'tokenizer_config.json']) {
      await copyFile(new URL(file, example), join(policy.directory, file));
    }
    const tokenizer = await Tokenizer.read(policy.directory);
    const free = await generated(client, request(policy));
    const texts = await tokenizer.decodeAll(free.map(({ tokenIds }) => tokenIds));
    const stop = texts.find((text) => text.length > 4)?.slice(1, 3) as string;
    const completions = await generated(client, stopping(stop));
    assert.ok(completions.some(({ finishReason }) => finishReason === 'FINISH_REASON_STOP_STRING'));
    for (const [i, { tokenIds, logprobs, finishReason }] of completions.entries()) {
      const ended = finishReason === 'FINISH_REASON_STOP_STRING';
      assert.deepEqual(tokenIds, free[i]?.tokenIds.slice(0, tokenIds.length));
      assert.equal(logprobs.length, 4 * tokenIds.length);
      assert.equal((await tokenizer.decode(tokenIds)).includes(stop), ended);
      assert.ok(!(await tokenizer.decode(tokenIds.slice(0, -1))).includes(stop), 'the last token completed it');
      if (!ended) assert.equal(tokenIds.length, free[i]?.tokenIds.length);
    }
  });

  test('a cancelled stream cancels the sampling', async () => {
    const sooner = tasks.length;
    // Fast machines would have sampled everything before the cancellation arrives.
    let release = (): void => undefined;
    held = new Promise((resolve) => (release = resolve));
    for await (const message of client.Generate(request(policy), { deadlineMs })) {
      assert.equal(message.completions.length, 1);
      break;
    }
    const { task, done } = tasks[sooner] ?? assert.fail();
    while (Atomics.load(task.cancelled, 0) === 0) await setImmediate();
    release();
    await done;
    assert.equal((await generated(client, request(policy))).length, 12, 'the thread is free for the next call');
  });

  test('a cancelled shard posts nothing', async () => {
    const { port1, port2 } = new MessageChannel();
    const received: unknown[] = [];
    port1.on('message', (message) => received.push(message));
    const closed = once(port1, 'close');
    const cancelled = new Int32Array(new SharedArrayBuffer(4)).fill(1);
    const { task } = tasks[0] ?? assert.fail();
    await thread.run('sample', { ...task, completions: port2, cancelled }, { transfer: [port2] });
    await closed;
    assert.deepEqual(received, []);
  });

  const withSampling = (change: Partial<SamplingInput>) => (good: GenerateRequestInput) => ({
    ...good,
    sampling: { ...sampling, ...change },
  });
  const wrong: readonly (readonly [string, (good: GenerateRequestInput) => GenerateRequestInput, RegExp])[] = [
    ['no policy', (good) => ({ ...good, policy: null }), /^policy is not set/],
    ['no sampling', (good) => ({ ...good, sampling: null }), /^sampling is not set; give temperature/],
    [
      'no samples',
      (good) => ({ ...good, sampling: { ...sampling, samplesPerPrompt: 0 } }),
      /^sampling\.samples_per_prompt is 0; it must be 1 or more/,
    ],
    [
      'a temperature that is no number',
      (good) => ({ ...good, sampling: { ...sampling, temperature: Number.NaN } }),
      /^temperature is NaN; it must be 0 or more/,
    ],
    ['a top-p above 1', withSampling({ topP: 1.5 }), /^top_p is 1.5; it must be above 0 and at most 1/],
    ['a negative min-p', withSampling({ minP: -1 }), /^min_p is -1; it must be between 0 and 1/],
    ['a negative penalty', withSampling({ repetitionPenalty: -1 }), /^repetition_penalty is -1; it must be above 0/],
    ['an empty stop string', withSampling({ stop: [''] }), /^stop\[0\] is a text of 0 characters/],
    ['no new tokens', (good) => ({ ...good, sampling: { ...sampling, maxNewTokens: 0 } }), /^max_new_tokens is 0/],
    [
      'an unknown LoRA target',
      (good) => ({
        ...good,
        policy: { ...policy.ref(0), spec: { ...policy.ref(0).spec, loraTargets: ['q_porj'] } },
      }),
      /^policy\.spec\.lora_targets has 'q_porj'/,
    ],
    [
      'a prompt that fills the context',
      (good) => ({ ...good, prompts: [{ index: 3, tokenIds: new Array<number>(tinyConfig.context).fill(5) }] }),
      /^prompt 3 has 64 tokens, which leaves no room in the model's context of 64/,
    ],
    [
      'a token that the model does not have',
      (good) => ({ ...good, prompts: [{ index: 3, tokenIds: [1, 99] }] }),
      /^prompt 3 has token id 99; the vocabulary has 11/,
    ],
  ];
  const refused = (input: GenerateRequestInput, code: RpcCode, details: RegExp) =>
    assert.rejects(generated(client, input), failsWith(code, details));
  for (const [what, change, details] of wrong) {
    test(`${what} is INVALID_ARGUMENT that names the field`, async () => {
      await refused(change(request(policy)), 'INVALID_ARGUMENT', details);
    });
  }

  test('a version that the coordinator does not have is NOT_FOUND', async () => {
    await refused({ ...request(policy), policy: policy.ref(9) }, 'NOT_FOUND', /holds no version 9/);
  });

  test('weights that are not the coordinator’s are FAILED_PRECONDITION', async (t) => {
    const other = await tinyPolicy(t, 4);
    await damageWeights(other.directory);
    const details = /has weights with SHA-256 \w+…, the coordinator's have/;
    await refused({ ...request(policy), policy: other.ref(0) }, 'FAILED_PRECONDITION', details);
  });
});

testWorkerProcess({
  name: 'rollout',
  main: new URL('./main.js', import.meta.url),
  call: async (address, policy) => {
    const client = connect('gapo.rollout.v1.RolloutService', address);
    try {
      // The same tokens as another process, to the last bit.
      assert.deepEqual(await generated(client, request(policy)), await sampled(policy));
    } finally {
      client.close();
    }
  },
});
