/** A vLLM rollout worker between a coordinator with made-up versions and a proxy for the server, for the specs of both kinds of training. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type DecoderModel,
  type NamedTensor,
  type TrainableSpec,
  Tokenizer,
  copyTokenizer,
  elementsOf,
  readDecoderModel,
  writeSafetensors,
} from '@gapo/model';
import { at, required } from '@gapo/numeric';
import { Evaluator, Sampler } from '@gapo/policy';
import {
  connect,
  type Client,
  type Completion,
  type GenerateRequestInput,
  type PolicySpecInput,
  type SamplingInput,
} from '@gapo/rpc';
import { startProcess, temporaryDirectory, type Owner } from '@gapo/service/testing';
import { deadlineMs, policyServer, runId, versionMessages } from '@gapo/worker/testing';
import { project } from '../platform.fixture.js';
import { EngineStandIn, type Arrived, type Intervention } from './engineStandIn.js';
import { hasServer, policyCommand } from './vllmServer.js';

/** The example's policy. */
export const example = `${project}/examples/assistant/models/policy`;
const texts = ['Can you help me with my order?', 'Tell me how to reset the password.'];

/**
 * Writes the example's policy with a separate output projection instead of its embedding table.
 *
 * @returns its directory
 */
export async function untiedPolicy(owner: Owner): Promise<string> {
  const directory = await temporaryDirectory(owner);
  const { weights } = await readDecoderModel(example);
  const tensors = [...weights.values()].map((weight) => ({
    name: weight.name,
    shape: weight.shape,
    data: elementsOf(weight),
  }));
  const table = required(
    tensors.find(({ name }) => name === 'model.embed_tokens.weight'),
    'the embedding table',
  );
  await writeSafetensors(join(directory, 'model.safetensors'), [...tensors, { ...table, name: 'lm_head.weight' }]);
  const config = await readFile(join(example, 'config.json'), 'utf8');
  await writeFile(
    join(directory, 'config.json'),
    config.replace('"tie_word_embeddings": true', '"tie_word_embeddings": false'),
  );
  await copyTokenizer(example, directory);
  return directory;
}

/** Paths of the server. */
export const paths = {
  generate: '/inference/v1/generate',
  completions: '/v1/completions',
  load: '/v1/load_lora_adapter',
  unload: '/v1/unload_lora_adapter',
};

/** The largest difference of a token's log-probability from the native engine's. */
export const tolerance = 1e-4;

/** Whether a request is for a completion. */
export const isCompletion = ({ path }: Arrived): boolean => path === paths.generate || path === paths.completions;

/** Whether a request loads an adapter. Requests for a non-existent one only check whether adapters can be loaded. */
export const isLoad = ({ path, body }: Arrived): boolean => path === paths.load && body['lora_name'] !== 'gapo-none';

/** Returns the tokens of each completion. */
export const tokensOf = (completions: readonly Completion[]) => completions.map(({ tokenIds }) => tokenIds);

/** The numbers of a field. */
const numbers = (bytes: Buffer): Float32Array => new Float32Array(new Uint8Array(bytes).buffer);

/** Returns the path of recorded answers. */
export function recordingFile(name: string): string {
  return fileURLToPath(new URL(`../../engines/recordings/${name}`, import.meta.url));
}

/** Options of a worker. */
export interface WorkerOptions {
  /** The model's directory. @default the example's policy */
  readonly directory?: string;
  /** The file name of the recorded responses; undefined: there are none. */
  readonly recording: string | undefined;
  readonly trainable: TrainableSpec;
  /** How requests describe the trained weights. */
  readonly spec: Omit<PolicySpecInput, 'model' | 'modelSha256'>;
  /** The tensors of a version. */
  readonly versionOf: (model: DecoderModel, version: number) => readonly NamedTensor[];
  /** The real server's URL; undefined: recorded responses are used. */
  readonly upstream: string | undefined;
}

/** A running worker, with its coordinator and the proxy. */
export class VllmWorker {
  readonly model: DecoderModel;
  readonly tokenizer: Tokenizer;
  readonly standIn: EngineStandIn;
  /** The proxy's URL. */
  readonly url: string;
  /** ENGINE_ADAPTER_DIR. */
  readonly volume: string;
  readonly client: Client<'gapo.rollout.v1.RolloutService'>;
  readonly identity: Client<'gapo.worker.v1.WorkerService'>;
  readonly #options: WorkerOptions;
  readonly #prompts: readonly { readonly index: number; readonly tokenIds: number[] }[];

  private constructor(
    options: WorkerOptions,
    own: Pick<VllmWorker, 'model' | 'tokenizer' | 'standIn' | 'url' | 'volume' | 'client' | 'identity'>,
    prompts: readonly { readonly index: number; readonly tokenIds: number[] }[],
  ) {
    this.#options = options;
    this.#prompts = prompts;
    ({
      model: this.model,
      tokenizer: this.tokenizer,
      standIn: this.standIn,
      url: this.url,
      volume: this.volume,
      client: this.client,
      identity: this.identity,
    } = own);
  }

  /** Starts a worker; it ends with its owner. */
  static async start(owner: Owner, options: WorkerOptions): Promise<VllmWorker> {
    const { directory = example, upstream, versionOf } = options;
    const recording = options.recording === undefined ? undefined : recordingFile(options.recording);
    const [model, tokenizer] = [await readDecoderModel(directory), await Tokenizer.read(directory)];
    const prompts = await Promise.all(
      texts.map(async (text, i) => ({ index: 10 + i, tokenIds: [1, ...(await tokenizer.encode(text))] })),
    );
    const standIn = new EngineStandIn(recording, upstream);
    const url = await standIn.listen();
    const coordinator = await policyServer(owner, ({ version }) => versionMessages(version, versionOf(model, version)));
    const volume = await temporaryDirectory(owner);
    const worker = startProcess(new URL('../../../services/rollout/dist/main.js', import.meta.url), {
      nodeArgs: ['--import', `${project}/services/lib/tracing/dist/preload.js`],
      env: {
        LISTEN: '127.0.0.1:0',
        COORDINATOR: coordinator.address,
        ENGINE: 'vllm',
        ENGINE_URLS: url,
        ENGINE_ADAPTER_DIR: volume,
        ENGINE_LEASE_SECONDS: hasServer ? '8' : '4',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', // spans are created but go nowhere
      },
    });
    owner.after(async () => {
      worker.kill('SIGTERM');
      await worker.closed;
      await standIn.close();
      if (process.env['RECORD'] === '1' && recording !== undefined) standIn.save(recording, policyCommand);
    });
    const address = await worker.address();
    const client = connect('gapo.rollout.v1.RolloutService', address);
    const identity = connect('gapo.worker.v1.WorkerService', address);
    owner.after(async () => (client.close(), identity.close()));
    return new VllmWorker(options, { model, tokenizer, standIn, url, volume, client, identity }, prompts);
  }

  /** A request for completions of a version. */
  request(version: number, sampling: SamplingInput): GenerateRequestInput {
    const spec = { model: this.model.directory, modelSha256: this.model.sha256, ...this.#options.spec };
    return {
      policy: { runId, version, spec },
      prompts: [...this.#prompts],
      sampling: { maxNewTokens: 24, samplesPerPrompt: 1, ...sampling },
      seed: 5,
      step: 3,
    };
  }

  /** Samples completions, in the order of prompts and samples. */
  async generated(version: number, sampling: SamplingInput): Promise<Completion[]> {
    const completions: Completion[] = [];
    for await (const message of this.client.Generate(this.request(version, sampling), { deadlineMs }))
      completions.push(...message.completions);
    assert.deepEqual(this.standIn.unknown, [], 'every request is one that vLLM has answered');
    return completions.sort((a, b) => a.prompt - b.prompt || a.sample - b.sample);
  }

  /** Returns the largest difference between log-probabilities of completions and those that the trainer computes. */
  async gapOf(completions: readonly Completion[], version: number, temperature: number): Promise<number> {
    const evaluator = await Evaluator.open(this.model, this.#options.trainable, { threads: 1 });
    const sequences = completions.map(({ prompt, tokenIds }) => ({
      promptIds: at(this.#prompts, prompt).tokenIds,
      completionIds: tokenIds,
    }));
    const { logprobs } = await evaluator.evaluate(this.#version(version), sequences, temperature);
    await evaluator.close();
    const own = completions.flatMap((completion) => [...numbers(completion.logprobs)]);
    return Math.max(...own.map((logprob, i) => Math.abs(logprob - at(logprobs, i))));
  }

  /** Asserts that greedy completions equal the native engine's. */
  async assertGreedy(completions: readonly Completion[], version: number): Promise<void> {
    const sampler = new Sampler(this.model, this.#options.trainable, { threads: 1 });
    const options = { temperature: 0, maxNewTokens: 24, samplesPerPrompt: 1, seed: 5, step: 3 };
    const some = this.#prompts.map(({ index, tokenIds }) => ({ index, ids: tokenIds }));
    for await (const { prompt, ids, finishReason } of sampler.sample(this.#version(version), some, options)) {
      const completion = at(completions, prompt);
      assert.deepEqual(completion.tokenIds, ids);
      assert.equal(completion.finishReason, finishReason === 'stop' ? 'FINISH_REASON_STOP' : 'FINISH_REASON_LENGTH');
      assert.ok(numbers(completion.drawnLogprobs).every((logprob) => logprob === 0));
    }
    await sampler.close();
  }

  /** Makes the proxy intervene in requests while a function runs; afterwards it passes them on. */
  async during<T>(intervene: Intervention, run: () => Promise<T>): Promise<T> {
    this.standIn.intervene = intervene;
    try {
      return await run();
    } finally {
      this.standIn.intervene = () => 'pass';
    }
  }

  #version(version: number): readonly NamedTensor[] {
    return this.#options.versionOf(this.model, version);
  }
}
