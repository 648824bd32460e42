/**
 * `@gapo/worker/testing`, for the tests of the workers: a tiny policy as a directory, its versions, and a policy service
 * that streams them as the coordinator does.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import {
  type DecoderModel,
  type NamedTensor,
  type TrainableSpec,
  initialTensors,
  llamaConfig,
  randomDecoder,
  readDecoderModel,
  sha256OfTensors,
  toHuggingFaceConfig,
  writeSafetensors,
} from '@gapo/model';
import { tinyShape } from '@gapo/model/testing';
import {
  type Client,
  type GetVersionRequest,
  type GetVersionResponseInput,
  type Implementation,
  type PolicyRefInput,
  type RpcCode,
  RpcError,
  chunks,
  connect,
  implement,
  serve,
  toHeader,
} from '@gapo/rpc';
import { type ThreadTasks, WorkerThread } from '@gapo/service';
import { ownEnvironment } from './environment.js';
import { expectedTensors } from './expectedTensors.js';
import { identified, ownIdentity, VersionStore, type TensorService, type TensorThreadSettings } from './mod.js';

/** Calls in tests wait for their responses, however busy the machine is. */
export const deadlineMs = Infinity;

/** A minimal decoder with grouped-query attention. */
const shape = tinyShape({ vocabulary: 11, heads: 2, keyValueHeads: 1, headWidth: 4, context: 64 });
export const tinyConfig = llamaConfig(shape);

/** The trained tensors. */
export const tinyTrainable: TrainableSpec = {
  lora: { rank: 2, alpha: 4, targets: ['q_proj', 'v_proj', 'up_proj'] },
  valueHeads: 0,
};

/** The run named in all test requests. */
export const runId = 'tiny-run';

/** Closes resources at its end: a test's context, or a suite's owner. */
export interface Owner {
  after(close: () => Promise<void>): void;
}

/** For suites: closes resources at the suite's end, the last one first. */
export function suiteOwner(): Owner {
  const closing: (() => Promise<void>)[] = [];
  after(async () => {
    for (const close of closing.reverse()) await close();
  });
  return { after: (close) => void closing.push(close) };
}

/** A tiny model in a directory. */
export interface TinyPolicy {
  readonly directory: string;
  readonly model: DecoderModel;
  /** A version's tensors; none of them is zero. */
  version(number: number): readonly NamedTensor[];
  /** A request's policy. */
  ref(number: number): PolicyRefInput;
}

/** Writes a random model whose distributions are far from uniform to a directory that is deleted after the test. */
export async function tinyPolicy(t: Owner, seed = 3): Promise<TinyPolicy> {
  const directory = await mkdtemp(join(tmpdir(), 'gapo-worker-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const weights = randomDecoder(tinyConfig, seed).map(({ name, shape, data }) => ({
    name,
    shape,
    data: name.endsWith('norm.weight') ? data : data.map((x) => x * 20),
  }));
  await writeSafetensors(join(directory, 'model.safetensors'), weights);
  await writeFile(join(directory, 'config.json'), JSON.stringify(toHuggingFaceConfig(shape, 'LlamaForCausalLM')));
  const model = await readDecoderModel(directory);
  const { lora } = tinyTrainable;
  return {
    directory,
    model,
    version: (number) =>
      initialTensors(tinyConfig, tinyTrainable, 5 + number, model.weights).map(({ name, shape, data }, index) => ({
        name,
        shape,
        data: data.map((x, i) => (x === 0 ? 0.3 * Math.sin(1.7 * i + index + number) : x)),
      })),
    ref: (version) => ({
      runId,
      version,
      spec: {
        model: directory,
        modelSha256: model.sha256,
        mode: 'TRAINING_MODE_LORA',
        loraRank: lora?.rank ?? 0,
        loraAlpha: lora?.alpha ?? 0,
        loraTargets: [...(lora?.targets ?? [])],
        valueHeads: 0,
      },
    }),
  };
}

/** The messages that carry a version, as the coordinator sends them. */
export function versionMessages(version: number, tensors: readonly NamedTensor[]): GetVersionResponseInput[] {
  const headers = tensors.map(({ name, shape, data }) => toHeader(name, shape, data));
  return [
    { header: { runId, version, sha256: sha256OfTensors(tensors), tensors: headers } },
    ...[...chunks(tensors.map(({ data }) => data))].map((chunk) => ({ chunk })),
  ];
}

/** A running policy service. */
export interface PolicyServer {
  readonly address: string;
  readonly client: Client<'gapo.policy.v1.PolicyService'>;
  /** The versions requested so far, in order. */
  readonly pulls: readonly number[];
}

/**
 * Serves versions on a free port until the test ends.
 *
 * @param messages the response for a version; throws if there is none
 */
export async function policyServer(
  t: Owner,
  messages: (request: GetVersionRequest) => Iterable<GetVersionResponseInput> | AsyncIterable<GetVersionResponseInput>,
): Promise<PolicyServer> {
  const pulls: number[] = [];
  const service: Implementation = implement('gapo.policy.v1.PolicyService', {
    async *GetVersion(request) {
      pulls.push(request.version);
      yield* messages(request);
    },
  });
  const server = await serve({ address: '127.0.0.1:0', services: [service], shutdownGraceMs: 0 });
  const client = connect('gapo.policy.v1.PolicyService', server.address);
  t.after(async () => {
    client.close();
    await server.stop();
  });
  return { address: server.address, client, pulls };
}

/** A policy service with the versions below `count` of a tiny policy. */
export function versionsOf(t: Owner, policy: TinyPolicy, count = 1): Promise<PolicyServer> {
  return policyServer(t, ({ version }) => {
    if (version < count) return versionMessages(version, policy.version(version));
    throw new RpcError('NOT_FOUND', `run ${runId} holds no version ${version}`);
  });
}

/** Changes one bit of a directory's weights: the same shapes, another model. */
export async function damageWeights(directory: string): Promise<void> {
  const path = join(directory, 'model.safetensors');
  const bytes = await readFile(path);
  const last = bytes.length - 1;
  bytes[last] = (bytes[last] as number) ^ 1;
  await writeFile(path, bytes);
}

/** For `assert.rejects`: an RpcError with this code whose details match. */
export function failsWith(code: RpcCode, details: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof RpcError, String(error));
    assert.equal(error.code, code);
    assert.match(error.details, details);
    return true;
  };
}

/** Serves a worker on a free port, with its tensor thread, until the test ends. Resolves with its address. */
export async function serveWorker<Tasks extends ThreadTasks>(
  t: Owner,
  worker: TensorService<Tasks>,
  coordinator: PolicyServer,
): Promise<string> {
  const modelCache = await mkdtemp(join(tmpdir(), 'gapo-cache-'));
  const settings: TensorThreadSettings = { threads: 1, device: 'cpu', modelRoot: '/', modelCache };
  const thread = new WorkerThread<Tasks>(worker.thread, settings);
  const versions = new VersionStore(coordinator.client, { expected: expectedTensors(settings.modelRoot) });
  const instance = 'test';
  const identity = ownIdentity(instance, worker.thread, (runtime) => ownEnvironment(settings, runtime));
  const services = identified([worker.service(versions, thread)], instance, () => identity);
  const server = await serve({ address: '127.0.0.1:0', services, shutdownGraceMs: 0 });
  t.after(async () => {
    await server.stop();
    await thread.close();
    await rm(modelCache, { recursive: true });
  });
  return server.address;
}

export { testWorkerProcess, type WorkerUnderTest } from './workerProcess.fixture.js';
