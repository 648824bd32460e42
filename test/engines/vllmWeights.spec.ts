/**
 * Full training with vLLM: a real server whose weights are replaced with each version, by a single worker and in a run of the
 * example.
 */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { before, describe, test } from 'node:test';
import { type DecoderModel, type NamedTensor, initialTensors } from '@gapo/model';
import { failsWith, suiteOwner } from '@gapo/worker/testing';
import type { Arrived } from './engineStandIn.js';
import { trainExample } from './exampleRun.js';
import { samplingFlags, skipWithoutProgram, VllmServer, weightsEnvironment } from './vllmServer.js';
import { isCompletion, tokensOf, tolerance, untiedPolicy, VllmWorker } from './vllmWorker.js';

const trainable = { valueHeads: 0 };
const spec = { mode: 'TRAINING_MODE_FULL', valueHeads: 0 } as const;

/** The model's weights, each changed by up to a twentieth. */
function versionOf(model: DecoderModel, version: number): readonly NamedTensor[] {
  return initialTensors(model.config, trainable, version, model.weights).map(({ name, shape, data }, index) => ({
    name,
    shape,
    data: data.map((x, i) => x * (1 + (((i * 7919 + index * 31 + version * 104_729) % 1009) / 1009 - 0.5) / 10)),
  }));
}

/** What a request does to the weights; undefined for any other request. */
function changeOf({ path, body }: Arrived): string | undefined {
  if (path === '/update_weight_version') return String(body['new_version']).replace(/^gapo-tiny-run-(v\d+)-.*/, '$1');
  return ['/pause', '/collective_rpc', '/resume'].includes(path) ? path : undefined;
}

describe('all weights by vLLM', { skip: skipWithoutProgram }, () => {
  const owner = suiteOwner();
  let server: VllmServer;
  let worker: VllmWorker;
  let directory = '';
  const workerOf = (): Promise<VllmWorker> =>
    VllmWorker.start(owner, { directory, recording: undefined, trainable, spec, versionOf, upstream: server.url });
  const changesSince = (sooner: number): unknown[] =>
    worker.standIn.arrived.slice(sooner).map(changeOf).filter((change) => change !== undefined); // prettier-ignore

  before(async () => {
    directory = await untiedPolicy(owner);
    server = await VllmServer.start(owner, [directory, ...samplingFlags], weightsEnvironment);
    worker = await workerOf();
  });

  test('greedy tokens are those of the native engine, and log-probabilities are close', async (t) => {
    for (const version of [1, 2]) {
      const completions = await worker.generated(version, { temperature: 0 });
      await worker.assertGreedy(completions, version);
      const sampled = await worker.generated(version, { temperature: 1, samplesPerPrompt: 2 });
      const gaps = [await worker.gapOf(completions, version, 1), await worker.gapOf(sampled, version, 1)];
      t.diagnostic(`version ${version}: largest difference of log-probabilities ${Math.max(...gaps)}`);
      for (const gap of gaps) assert.ok(gap < tolerance);
      assert.ok((await worker.gapOf(sampled, 3 - version, 1)) > 0.01, 'the versions differ');
      assert.equal((await readdir(worker.volume)).length, 1, 'the files of the version before are removed');
    }
  });

  test('versions that are asked for at a time take turns', async () => {
    const expected = [await worker.generated(1, { temperature: 1 }), await worker.generated(2, { temperature: 1 })];
    const sooner = worker.standIn.arrived.length;
    const found = await Promise.all([1, 2, 1].map((version) => worker.generated(version, { temperature: 1 })));
    assert.deepEqual(
      found.map(tokensOf),
      [expected[0], expected[1], expected[0]].map((one) => tokensOf(one ?? [])),
    );
    const steps = ['/pause', 'gapo-replacing', '/collective_rpc'];
    const changes = changesSince(sooner);
    for (let i = 0; i < changes.length; i += 5) {
      assert.deepEqual(changes.slice(i, i + 3), steps);
      assert.equal(changes[i + 3], '/resume');
      assert.match(String(changes[i + 4]), /^v[12]$/);
    }
  });

  test('weights that another worker replaces are noticed, and replaced again', async () => {
    const expected = await worker.generated(1, { temperature: 1 });
    const another = await workerOf();
    await another.generated(2, { temperature: 1 });
    const sooner = worker.standIn.arrived.length;
    assert.deepEqual(tokensOf(await worker.generated(1, { temperature: 1 })), tokensOf(expected));
    assert.deepEqual(changesSince(sooner), ['/pause', 'gapo-replacing', '/collective_rpc', '/resume', 'v1']);
    assert.ok(worker.standIn.arrived.slice(sooner).filter(isCompletion).length > 2, 'a completion was repeated');
  });

  test('the weights of a model with tied embeddings are refused on a CPU, which would keep its output projection', async () => {
    const tied = await VllmWorker.start(owner, {
      recording: undefined,
      trainable,
      spec,
      versionOf,
      upstream: server.url,
    });
    await assert.rejects(
      tied.generated(1, { temperature: 1 }),
      failsWith(
        'FAILED_PRECONDITION',
        /computes on a CPU, .* \(tie_word_embeddings\); set policy\.train to lora, or ENGINE=native$/,
      ),
    );
  });

  test('a server without adapters refuses them, and the error says what to do', async () => {
    const lora = { rank: 4, alpha: 8, targets: ['q_proj'] };
    const adapters = await VllmWorker.start(owner, {
      directory,
      recording: undefined,
      trainable: { lora, valueHeads: 0 },
      spec: { mode: 'TRAINING_MODE_LORA', loraRank: 4, loraAlpha: 8, loraTargets: lora.targets, valueHeads: 0 },
      versionOf: (model, version) => initialTensors(model.config, { lora, valueHeads: 0 }, version, model.weights),
      upstream: server.url,
    });
    await assert.rejects(
      adapters.generated(1, { temperature: 1 }),
      failsWith(
        'FAILED_PRECONDITION',
        /cannot load adapters; start it with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1$/,
      ),
    );
  });

  test('the example is trained, each step with the weights of its version', async (t) => {
    const { reports } = await trainExample(t, {
      url: server.url,
      steps: 4,
      configured: (yaml) =>
        yaml
          .replace('model: models/policy', `model: ${directory}`)
          .replace(/train: lora\n.*lora: .*$/m, 'train: full')
          .replace('learningRate: 1.5e-3', 'learningRate: 1e-4'),
      projects: [directory],
    });
    for (const { maxLogprobGap } of reports) assert.ok(maxLogprobGap < 1e-4);
  });

  test('a server that was killed gets the weights again', async () => {
    const expected = await worker.generated(1, { temperature: 1 });
    await server.kill();
    server.spawn();
    await server.ready();
    assert.deepEqual(tokensOf(await worker.generated(1, { temperature: 1 })), tokensOf(expected));
  });
});
