/** A scorer that calls a model behind the Open Inference Protocol over gRPC (KServe, Triton). */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { NoScore, type ScoreItem, type ScorerDescription } from '@gapo/reward';
import { connect, retry, RpcError, type Client, type ConnectOptions } from '@gapo/rpc';
import { UserError } from '@gapo/service';
import { authorization, readRemoteFile, remoteDescription, type RemoteOptions } from '../remote/remoteFile.js';
import { RemoteScorer, type Remote } from '../remote/remoteScorer.js';
import { checkedModel, newestOf } from './modelCheck.js';
import { oipFile, type OipFile } from './oipFile.js';
import { inferRequest, scoresOf, type RequestOptions } from './tensors.js';

type InferenceClient = Client<'inference.GRPCInferenceService'>;

/** Retries at the start: the server may be starting at the same time. */
const atStart = { attempts: 4, baseDelayMs: 250, maxDelayMs: 2000 } as const;

/**
 * Reads and checks a file, and compares the model's inputs and outputs with it.
 *
 * @throws UserError or ConfigError if the file is invalid, the model does not match it, or the server does not answer
 */
export async function openOipScorer({ path, objective, token }: RemoteOptions): Promise<RemoteScorer> {
  const { file, version } = await readRemoteFile(path, oipFile);
  const { target, model } = file;
  const client = connect('inference.GRPCInferenceService', target, {
    tls: await tlsOf(file, path),
    metadata: { ...file.headers, ...authorization(token) },
  });
  try {
    const metadata = await metadataOf(client, file);
    const { inputs, output } = checkedModel(file, metadata, `${path}: model ${model} at ${target}`);
    const bounded = output.activation !== 'raw';
    const { minimum = bounded ? 0 : undefined, maximum = bounded ? 1 : undefined } = file;
    const remote = new OipRemote(
      client,
      { ...file, output },
      { ...file, inputs, output: output.name },
      remoteDescription(file, { model: `open inference: ${model}`, version, minimum, maximum }, objective),
    );
    remote.runs(file.modelVersion ?? newestOf(metadata.versions));
    return new RemoteScorer(remote);
  } catch (error) {
    client.close();
    throw error;
  }
}

async function tlsOf({ tls, ca }: OipFile, path: string): Promise<ConnectOptions['tls']> {
  if (!tls) return undefined;
  if (ca === undefined) return {};
  const where = resolve(dirname(path), ca);
  try {
    const pem = await readFile(where, 'utf8');
    new X509Certificate(pem); // gRPC would accept a text without certificates, and then trust none
    return { ca: pem };
  } catch (error) {
    throw new UserError(`${path}: ca: ${where} contains no certificate (PEM): ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function metadataOf(client: InferenceClient, { target, model, modelVersion, timeoutMs }: OipFile) {
  const request = { name: model, ...(modelVersion !== undefined && { version: modelVersion }) };
  const options = { deadlineMs: Math.min(timeoutMs, 10_000) };
  try {
    return await retry(async () => {
      const { ready } = await client.ModelReady(request, options);
      if (!ready) throw new RpcError('UNAVAILABLE', `the model ${model} is not ready`);
      return client.ModelMetadata(request, options);
    }, atStart);
  } catch (error) {
    const { code, details } = RpcError.from(error);
    throw new UserError(
      `model ${model} at ${target}: cannot read its metadata: ${code}: ${details}; start the server, or correct target and model`,
      { cause: error },
    );
  }
}

/** The server's model, and the version that it last answered with. */
class OipRemote implements Remote {
  description: ScorerDescription;
  readonly batch: number;
  readonly concurrency: number;
  readonly #client: InferenceClient;
  readonly #file: OipFile;
  readonly #request: RequestOptions;
  /** The file's part of the version. */
  readonly #version: string;

  constructor(client: InferenceClient, file: OipFile, request: RequestOptions, description: ScorerDescription) {
    this.description = description;
    this.batch = file.batch;
    this.concurrency = file.concurrency;
    this.#client = client;
    this.#file = file;
    this.#request = request;
    this.#version = description.version;
  }

  async ask(items: readonly ScoreItem[], signal: AbortSignal, deadline?: Date): Promise<readonly (number | NoScore)[]> {
    const { timeoutMs, target, model, output } = this.#file;
    const leftMs = deadline === undefined ? Infinity : deadline.getTime() - Date.now();
    try {
      const options = { deadlineMs: Math.min(timeoutMs, leftMs), signal };
      const response = await this.#client.ModelInfer(inferRequest(this.#request, items), options);
      this.runs(response.modelVersion);
      return scoresOf(response, output, items.length);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof NoScore) throw error;
      const { code, details, retryable } = RpcError.from(error);
      throw new NoScore(`model ${model} at ${target}: ${code}: ${details}`, {
        retryable: retryable || code === 'DEADLINE_EXCEEDED',
        cause: error,
      });
    }
  }

  /** Records the model's version, which is part of the scores' version; empty if the server does not state it. */
  runs(modelVersion: string): void {
    if (modelVersion === '') return;
    this.description = { ...this.description, version: `${this.#version}+${modelVersion}` };
  }

  close(): void {
    this.#client.close();
  }
}
