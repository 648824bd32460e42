/** A scorer that calls a model behind the Open Inference Protocol over gRPC (KServe, Triton). */
import { credentialsOf, RequestFailure, type Credentials, type RequestLimits } from '@gapo/http';
import { NoScore, type ScoreItem, type ScorerDescription } from '@gapo/reward';
import { connect, retry, RpcError, type Client, type ConnectOptions } from '@gapo/rpc';
import { UserError } from '@gapo/service';
import { boundsOf } from '../remote/activation.js';
import { certificatesOf } from '../remote/certificates.js';
import { readRemoteFile, remoteDescription, type RemoteOptions } from '../remote/remoteFile.js';
import { RemoteScorer, type Remote } from '../remote/remoteScorer.js';
import { tokenOf } from '../remote/token.js';
import { checkedModel, newestOf } from './modelCheck.js';
import { oipFile, type OipFile } from './oipFile.js';
import { inferRequest, scoresOf, type RequestOptions } from './tensors.js';

type InferenceClient = Client<'inference.GRPCInferenceService'>;

/** Retries at start-up, because the server may be starting at the same time. */
const atStart = { attempts: 4, baseDelayMs: 250, maxDelayMs: 2000 } as const;

/**
 * Reads and checks a file, and compares the model's inputs and outputs with it.
 *
 * @throws UserError or ConfigError if the file is invalid, the model does not match it, or the server does not answer
 */
export async function openOipScorer(options: RemoteOptions): Promise<RemoteScorer> {
  const { path, objective } = options;
  const { file, version } = await readRemoteFile(path, oipFile);
  const { target, model } = file;
  const credentials = credentialsOf({ token: tokenOf(options, file, path), headers: file.headers, where: path });
  const client = connect('inference.GRPCInferenceService', target, {
    tls: await tlsOf(file, path),
    metadata: credentials.headers,
  });
  try {
    const metadata = await metadataOf(client, file);
    const { inputs, output } = checkedModel(file, metadata, `${path}: model ${model} at ${target}`);
    const remote = new OipRemote(
      client,
      { ...file, output },
      { ...file, inputs, output: output.name },
      credentials,
      remoteDescription(
        file,
        { model: `open inference: ${model}`, version, ...boundsOf(output.activation, file) },
        objective,
      ),
    );
    remote.runs(file.modelVersion ?? newestOf(metadata.versions));
    return new RemoteScorer(remote);
  } catch (error) {
    client.close();
    throw error;
  }
}

async function tlsOf({ tls, ca }: OipFile, path: string): Promise<ConnectOptions['tls']> {
  if (!tls) return 'none';
  return ca === undefined ? {} : { ca: await certificatesOf(ca, path) };
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

/** The server's model, and the version in its last response. */
class OipRemote implements Remote {
  description: ScorerDescription;
  readonly name: string;
  readonly batch: number;
  readonly timeoutMs: number;
  readonly concurrency: number;
  readonly retries: number;
  readonly #client: InferenceClient;
  readonly #request: RequestOptions;
  readonly #output: OipFile['output'];
  readonly #credentials: Credentials;
  /** The part of the version that comes from the file. */
  readonly #version: string;

  constructor(
    client: InferenceClient,
    file: OipFile,
    request: RequestOptions,
    credentials: Credentials,
    description: ScorerDescription,
  ) {
    this.description = description;
    this.name = `model ${file.model} at ${file.target}`;
    this.batch = file.batch;
    this.timeoutMs = file.timeoutMs;
    this.concurrency = file.concurrency;
    this.retries = file.retries;
    this.#client = client;
    this.#request = request;
    this.#output = file.output;
    this.#credentials = credentials;
    this.#version = description.version;
  }

  async ask(items: readonly ScoreItem[], { signal, timeoutMs }: RequestLimits): Promise<readonly (number | NoScore)[]> {
    try {
      const options = { deadlineMs: timeoutMs, signal };
      const response = await this.#client.ModelInfer(inferRequest(this.#request, items), options);
      this.runs(response.modelVersion);
      return scoresOf(response, this.#output, items.length).map((found) => (typeof found === 'number' ? found : this.#named(found))); // prettier-ignore
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof NoScore) throw this.#named(error);
      const { code, details, retryable } = RpcError.from(error);
      throw new RequestFailure(this.#shown(`${code}: ${details}`), {
        retryable: retryable || code === 'DEADLINE_EXCEEDED',
        cause: error,
      });
    }
  }

  /** Names the model in an error. */
  #named(error: NoScore): NoScore {
    return new NoScore(this.#shown(error.message), { retryable: error.retryable, cause: error });
  }

  #shown(message: string): string {
    return this.#credentials.redacted(`${this.name}: ${message}`);
  }

  /** Records the model's version, which is part of the scores' version. Empty if the server does not state it. */
  runs(modelVersion: string): void {
    if (modelVersion === '') return;
    this.description = { ...this.description, version: `${this.#version}+${modelVersion}` };
  }

  close(): void {
    this.#client.close();
  }
}
