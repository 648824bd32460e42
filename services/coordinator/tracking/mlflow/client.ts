/**
 * The REST API of an MLflow tracking server (https://mlflow.org/docs/latest/rest-api.html), limited to what recording
 * runs needs.
 */
import { underSignals } from '@gapo/rpc';
import { withoutCredentials, z } from '@gapo/service';
import { EnvHttpProxyAgent, fetch, type BodyInit, type RequestInit, type Response } from 'undici';
import { TrackerError } from '../tracked/tracker.js';

/** The server's location and the credentials. */
export interface MlflowServer {
  /** The URL without its path /api/2.0. A user and password in it count as `username` and `password`. */
  readonly url: string;
  readonly token?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** A value of a metric. */
export interface MlflowMetric {
  readonly key: string;
  /** JSON has no non-finite numbers; they are strings, as in the JSON format of Protocol Buffers. */
  readonly value: number | 'NaN' | 'Infinity' | '-Infinity';
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly step: number;
}

/** A parameter or tag. */
export interface MlflowPair {
  readonly key: string;
  readonly value: string;
}

/** The status of a run in MLflow. */
export type MlflowStatus = 'SCHEDULED' | 'RUNNING' | 'FINISHED' | 'FAILED' | 'KILLED';

const runSchema = z.object({
  info: z.object({ run_id: z.string(), lifecycle_stage: z.string(), artifact_uri: z.string() }),
  data: z.object({ params: z.array(z.object({ key: z.string() })).default([]) }).prefault({}),
});

/** A run in MLflow. */
export type MlflowRun = z.output<typeof runSchema>;

const experimentSchema = z.object({ experiment: z.object({ experiment_id: z.string(), lifecycle_stage: z.string() }) });
const createdSchema = z.object({ experiment_id: z.string() });
const foundSchema = z.object({ runs: z.array(runSchema).default([]) });
const historySchema = z.object({
  metrics: z.array(z.object({ step: z.coerce.number(), value: z.number() })).default([]),
  next_page_token: z.string().default(''),
});

const errorSchema = z.object({ error_code: z.union([z.string(), z.number()]).optional(), message: z.string() });

/** A response in which the server rejects the request. */
class MlflowRefusal extends TrackerError {
  override readonly name = 'MlflowRefusal';
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

const requestTimeoutMs = 15_000;
const uploadTimeoutMs = 600_000;

/** Number of metric values per request. */
const historyPage = 10_000;

/**
 * Calls a server. Every call throws a {@link TrackerError} if it is not answered or is rejected. There are no retries.
 */
export class MlflowClient {
  /** The server's URL, without credentials. */
  readonly url: string;
  readonly #base: string;
  readonly #authorization: Readonly<Record<string, string>>;
  readonly #dispatcher = new EnvHttpProxyAgent({ proxyTunnel: false });

  constructor(server: MlflowServer) {
    const parsed = new URL(server.url);
    const username = server.username ?? decodeURIComponent(parsed.username);
    const password = server.password ?? decodeURIComponent(parsed.password);
    parsed.username = parsed.password = parsed.search = parsed.hash = '';
    this.#base = parsed.href.replace(/\/+$/, '');
    this.url = withoutCredentials(this.#base);
    this.#authorization = authorizationOf(server.token, username, password);
  }

  close(): Promise<void> {
    return this.#dispatcher.destroy();
  }

  /** Returns the id of an experiment, creating the experiment if it does not exist. */
  async experimentId(name: string, signal: AbortSignal): Promise<string> {
    const find = async (): Promise<string> => {
      const path = `experiments/get-by-name?${new URLSearchParams({ experiment_name: name }).toString()}`;
      const { experiment } = await this.#ask(experimentSchema, 'GET', path, undefined, signal);
      if (experiment.lifecycle_stage === 'active') return experiment.experiment_id;
      throw new TrackerError(
        `the experiment ${name} was deleted: restore it, or set MLFLOW_EXPERIMENT_NAME to another name`,
      );
    };
    try {
      return await find();
    } catch (error) {
      if (!isRefusal(error, 'RESOURCE_DOES_NOT_EXIST')) throw error;
    }
    try {
      return (await this.#ask(createdSchema, 'POST', 'experiments/create', { name }, signal)).experiment_id;
    } catch (error) {
      if (isRefusal(error, 'RESOURCE_ALREADY_EXISTS')) return find(); // another coordinator created it first
      throw error;
    }
  }

  /** Returns the oldest run of an experiment with certain tags, including deleted runs; undefined if there is none. */
  async findRun(
    experiment: string,
    tags: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<MlflowRun | undefined> {
    const filter = Object.entries(tags).map(([key, value]) => `tags.\`${key}\` = '${value}'`).join(' and '); // prettier-ignore
    const body = {
      experiment_ids: [experiment],
      filter,
      run_view_type: 'ALL',
      order_by: ['attributes.start_time ASC'],
      max_results: 1,
    };
    return (await this.#ask(foundSchema, 'POST', 'runs/search', body, signal)).runs[0];
  }

  async createRun(
    run: { readonly experiment: string; readonly name: string; readonly startTime: number; readonly tags: readonly MlflowPair[] }, // prettier-ignore
    signal: AbortSignal,
  ): Promise<MlflowRun> {
    const { experiment, name, startTime, tags } = run;
    const body = { experiment_id: experiment, run_name: name, start_time: startTime, tags };
    return (await this.#ask(z.object({ run: runSchema }), 'POST', 'runs/create', body, signal)).run;
  }

  /** @param endTime milliseconds since 1970; undefined until the run ends */
  async updateRun(
    runId: string,
    status: MlflowStatus,
    endTime: number | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const body = { run_id: runId, status, ...(endTime !== undefined && { end_time: endTime }) };
    await this.#ask(z.unknown(), 'POST', 'runs/update', body, signal);
  }

  /** Records at most 1,000 metrics, 100 parameters and 100 tags. */
  async logBatch(
    runId: string,
    batch: {
      readonly metrics?: readonly MlflowMetric[];
      readonly params?: readonly MlflowPair[];
      readonly tags?: readonly MlflowPair[];
    },
    signal: AbortSignal,
  ): Promise<void> {
    await this.#ask(z.unknown(), 'POST', 'runs/log-batch', { run_id: runId, ...batch }, signal);
  }

  /** Returns all values of a metric, in any order. */
  async history(
    runId: string,
    key: string,
    signal: AbortSignal,
  ): Promise<readonly { readonly step: number; readonly value: number }[]> {
    const values: { step: number; value: number }[] = [];
    for (let token = ''; ;) {
      const query = { run_id: runId, metric_key: key, max_results: String(historyPage), ...(token !== '' && { page_token: token }) }; // prettier-ignore
      const path = `metrics/get-history?${new URLSearchParams(query).toString()}`;
      const { metrics, next_page_token: next } = await this.#ask(historySchema, 'GET', path, undefined, signal);
      values.push(...metrics);
      if (next === '') return values;
      token = next;
    }
  }

  /**
   * Stores a file with a run.
   *
   * @param path of the artifact, relative to the server's artifact root: the path of the run's `artifact_uri`, then the
   * file name
   */
  async upload(path: string, content: BodyInit, signal: AbortSignal): Promise<void> {
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    const headers = { 'content-type': 'application/octet-stream' };
    const request: RequestInit = { method: 'PUT', body: content, headers, duplex: 'half' };
    await this.#fetch(`/api/2.0/mlflow-artifacts/artifacts/${encoded}`, request, uploadTimeoutMs, signal);
  }

  async #ask<T>(
    schema: z.ZodType<T>,
    method: 'GET' | 'POST',
    path: string,
    body: object | undefined,
    signal: AbortSignal,
  ): Promise<T> {
    const request: RequestInit = {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    };
    const text = await this.#fetch(`/api/2.0/mlflow/${path}`, request, requestTimeoutMs, signal);
    const parsed = schema.safeParse(jsonOf(text));
    if (parsed.success) return parsed.data;
    throw new TrackerError(`${this.#where(path)}: its response is not that of an MLflow server`, {
      cause: parsed.error,
    });
  }

  async #fetch(path: string, request: RequestInit, timeoutMs: number, signal: AbortSignal): Promise<string> {
    const headers = { ...(request.headers as Record<string, string>), ...this.#authorization };
    let response: Response;
    let text: string;
    try {
      [response, text] = await underSignals([signal, AbortSignal.timeout(timeoutMs)], async (ended) => {
        const options = {
          ...request,
          headers,
          signal: ended,
          dispatcher: this.#dispatcher,
          redirect: 'error',
        } as const;
        const answer = await fetch(`${this.#base}${path}`, options);
        return [answer, await answer.text()] as const;
      });
    } catch (error) {
      throw new TrackerError(`${this.#where(path)}: ${causeOf(error, timeoutMs)}`, { cause: error });
    }
    if (response.ok) return text;
    throw this.#refusal(path, response.status, text);
  }

  #refusal(path: string, status: number, text: string): MlflowRefusal {
    const parsed = errorSchema.safeParse(jsonOf(text));
    const { error_code: code = '', message = text.trim().slice(0, 200) } = parsed.success ? parsed.data : {};
    const who =
      status === 401 || status === 403
        ? '; set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, of a user with the right to write'
        : '';
    return new MlflowRefusal(`${this.#where(path)} responded with ${status}: ${message}${who}`, String(code));
  }

  #where(path: string): string {
    return `${this.url} (${path.replace(/^.*\/api\/2\.0\//, '/api/2.0/').replace(/\?.*/, '')})`;
  }
}

function isRefusal(error: unknown, code: string): boolean {
  return error instanceof MlflowRefusal && error.code === code;
}

function authorizationOf(
  token: string | undefined,
  username: string,
  password: string,
): Readonly<Record<string, string>> {
  if (token !== undefined) return { authorization: `Bearer ${token}` };
  if (username === '') return {};
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function causeOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`;
  const cause = error.cause as (Error & { code?: string }) | undefined;
  return cause?.code ?? cause?.message ?? error.message;
}
