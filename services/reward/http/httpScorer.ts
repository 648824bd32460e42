/** A scorer that calls a server over HTTP. */
import {
  type Answer,
  credentialsOf,
  HttpClient,
  isRetryableStatus,
  nameOf,
  RequestFailure,
  shown,
  type Credentials,
  type RequestLimits,
} from '@gapo/http';
import { at, required } from '@gapo/numeric';
import { NoScore, type ScoreItem, type ScorerDescription } from '@gapo/reward';
import { boundsOf } from '../remote/activation.js';
import { certificatesOf } from '../remote/certificates.js';
import { readRemoteFile, remoteDescription, type RemoteOptions } from '../remote/remoteFile.js';
import { RemoteScorer } from '../remote/remoteScorer.js';
import { tokenOf } from '../remote/token.js';
import { chat } from './judge/chat.js';
import { promptVersion } from './judge/prompt.js';
import { openEncoder, type RemoteEncoder } from './protocols/encodingFile.js';
import { httpFile, type HttpFile } from './protocols/httpFile.js';
import { openRlhf } from './protocols/openRlhf.js';
import type { Prepared, Protocol } from './protocols/protocol.js';
import { sglangClassify } from './protocols/sglang.js';
import { textClassification } from './protocols/textClassification.js';
import { vllmClassify, vllmPooling, vllmScore } from './protocols/vllm.js';

/** A scoring server. */
interface Endpoint {
  /** Its name in errors. */
  readonly name: string;
  readonly client: HttpClient;
  readonly credentials: Credentials;
  /** Whether the server has confirmed that it knows the protocol's switch. */
  knowsSwitch: boolean;
}

/**
 * Reads and checks a file. The server is called with the first batch, not before.
 *
 * @throws UserError or ConfigError if the file, a token or a certificate is invalid
 */
export async function openHttpScorer(options: RemoteOptions): Promise<RemoteScorer> {
  const { path, objective } = options;
  const { file, version } = await readRemoteFile(path, httpFile, wordingOf);
  const encoder = await encoderOf(file, path);
  const protocol = protocolOf(file, encoder);
  const name = nameOf(new URL(file.url));
  const { url, headers } = file;
  const credentials = credentialsOf({ token: tokenOf(options, file, path), headers, url, where: path });
  const client = new HttpClient({
    url,
    credentials,
    ca: file.ca === undefined ? undefined : await certificatesOf(file.ca, path),
    settings: { url: 'url', ca: 'ca' },
    hint: (status, refusal) =>
      protocol.hint?.(refusal) ??
      (status === 401 && !credentials.authorized
        ? 'name a token with tokenEnv or tokenFile, or set headers'
        : undefined),
  });
  const endpoint: Endpoint = { name, client, credentials, knowsSwitch: false };
  const { timeoutMs, concurrency, retries } = file;
  return new RemoteScorer({
    description: remoteDescription(
      file,
      {
        model: `${file.protocol}: ${'model' in file && file.model !== undefined ? file.model : name}`,
        version: encoder === undefined || file.version !== undefined ? version : `${version}+${encoder.version}`,
        ...('activation' in file ? boundsOf(file.activation, file) : boundsIn(file)),
        ...(encoder !== undefined && { maxTokens: encoder.maxTokens }),
      },
      objective,
    ),
    name,
    batch: protocol.batch,
    timeoutMs,
    concurrency,
    retries,
    ask: (items, limits) => scoresOf(endpoint, protocol, items, limits),
    close: () => void client.close(),
  });
}

/** Opens the encoder if the file has one. */
async function encoderOf(file: HttpFile, path: string): Promise<RemoteEncoder | undefined> {
  if (!('encoding' in file) || file.encoding === 'server') return undefined;
  return openEncoder(file.encoding, path);
}

function protocolOf(file: HttpFile, encoder: RemoteEncoder | undefined): Protocol {
  switch (file.protocol) {
    case 'openrlhf':
      return openRlhf(file);
    case 'text-classification':
      return textClassification(file);
    case 'vllm-classify':
      return vllmClassify(file, encoder);
    case 'vllm-pooling':
      return vllmPooling(file, encoder);
    case 'vllm-score':
      return vllmScore(file);
    case 'sglang-classify':
      return sglangClassify(file, required(encoder, 'the encoder'));
    case 'chat':
      return chat(file);
  }
}

/** Returns the bounds stated directly in a file, those of a judge's scale. */
function boundsIn(file: HttpFile): Partial<Pick<ScorerDescription, 'minimum' | 'maximum'>> {
  return file.protocol === 'chat' ? { minimum: file.minimum, maximum: file.maximum } : {};
}

function wordingOf({ protocol }: HttpFile): string {
  return protocol === 'chat' ? promptVersion : '';
}

/** Makes one request with the items that can be sent. Errors of individual items name the server too. */
async function scoresOf(
  endpoint: Endpoint,
  protocol: Protocol,
  items: readonly ScoreItem[],
  limits: RequestLimits,
): Promise<readonly (number | NoScore)[]> {
  const prepared: (Prepared | NoScore)[] = [];
  for (const item of items) prepared.push((await protocol.prepare?.(item)) ?? item);
  const asked = prepared.filter((item): item is Prepared => !(item instanceof NoScore));
  const [first] = asked;
  if (first !== undefined) await requireSwitch(endpoint, protocol, first, limits);
  const found = asked.length === 0 ? [] : await divided(endpoint, protocol, asked, limits);
  let next = 0;
  return prepared.map((item) => (item instanceof NoScore ? item : at(found, next++)));
}

/** Checks once whether a server knows the protocol's switch. @throws RequestFailure if it does not, or cannot be asked */
async function requireSwitch(
  endpoint: Endpoint,
  protocol: Protocol,
  item: Prepared,
  limits: RequestLimits,
): Promise<void> {
  if (protocol.switch === undefined || endpoint.knowsSwitch) return;
  const { key, otherwise } = protocol.switch;
  const request = { ...protocol.request([item]), [key]: 'neither true nor false' };
  let answer: Answer;
  try {
    answer = await endpoint.client.post('', request, limits);
  } catch (error) {
    if (!(error instanceof RequestFailure) || !refusals.has(error.status)) throw error;
    endpoint.knowsSwitch = error.body?.includes(key) === true;
    return;
  }
  throw answer.failure(`the server does not know ${key}: ${otherwise}`);
}

/** Statuses with which a server rejects a request because of its content. */
const refusals: ReadonlySet<unknown> = new Set([400, 413, 422]);

/** Makes one request and, if the server rejects it, one for each half, so that an item that cannot be scored costs only its own score. */
async function divided(
  endpoint: Endpoint,
  protocol: Protocol,
  items: readonly Prepared[],
  limits: RequestLimits,
): Promise<readonly (number | NoScore)[]> {
  const end = Date.now() + limits.timeoutMs;
  try {
    return await answersOf(endpoint, protocol, items, limits);
  } catch (error) {
    if (!(error instanceof RequestFailure) || !refusals.has(error.status)) throw error;
    if (items.length === 1) return [new NoScore(error.message)];
    const middle = Math.ceil(items.length / 2);
    const found: (number | NoScore)[] = [];
    for (const half of [items.slice(0, middle), items.slice(middle)]) {
      const timeoutMs = end - Date.now();
      if (timeoutMs <= 0) found.push(...half.map(() => new NoScore(error.message)));
      else found.push(...(await divided(endpoint, protocol, half, { ...limits, timeoutMs })));
    }
    return found;
  }
}

async function answersOf(
  endpoint: Endpoint,
  protocol: Protocol,
  items: readonly Prepared[],
  limits: RequestLimits,
): Promise<readonly (number | NoScore)[]> {
  const named = ({ message, retryable }: NoScore): NoScore =>
    new NoScore(endpoint.credentials.redacted(`${endpoint.name}: ${message}`), { retryable });
  const answer = await endpoint.client.post('', protocol.request(items), limits);
  const json = answer.json();
  const error = errorIn(json);
  if (error !== undefined) {
    const { code } = error as { readonly code?: unknown };
    throw answer.failure(`the answer is an error: ${shown(error)}`, { retryable: isRetryableStatus(Number(code)) });
  }
  try {
    return protocol.read(json, items).map((found) => (typeof found === 'number' ? found : named(found)));
  } catch (error) {
    throw error instanceof NoScore ? named(error) : error;
  }
}

/** Returns the error if the response is one, which gateways send with HTTP 200. */
function errorIn(answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return undefined;
  const { error } = answer;
  const means = (typeof error === 'string' && error !== '') || (typeof error === 'object' && error !== null);
  return means && !('choices' in answer) && !('rewards' in answer) ? error : undefined;
}
