/** A scorer that calls a server over HTTP. */
import {
  credentialsOf,
  HttpClient,
  isRetryableStatus,
  nameOf,
  shown,
  type Credentials,
  type RequestLimits,
} from '@gapo/http';
import { at } from '@gapo/numeric';
import { NoScore, type ScoreItem } from '@gapo/reward';
import { certificatesOf } from '../remote/certificates.js';
import { readRemoteFile, remoteDescription, type RemoteOptions } from '../remote/remoteFile.js';
import { RemoteScorer } from '../remote/remoteScorer.js';
import { tokenOf } from '../remote/token.js';
import { chat } from './judge/chat.js';
import { promptVersion } from './judge/prompt.js';
import { httpFile, type HttpFile } from './protocols/httpFile.js';
import { openRlhf } from './protocols/openRlhf.js';
import type { Protocol } from './protocols/protocol.js';
import { textClassification } from './protocols/textClassification.js';

/** A server of scores. */
interface Endpoint {
  /** As errors name it. */
  readonly name: string;
  readonly client: HttpClient;
  readonly credentials: Credentials;
}

/**
 * Reads and checks a file. The server is called with the first batch, not before.
 *
 * @throws UserError or ConfigError if the file, a token or a certificate is invalid
 */
export async function openHttpScorer(options: RemoteOptions): Promise<RemoteScorer> {
  const { path, objective } = options;
  const { file, version } = await readRemoteFile(path, httpFile, wordingOf);
  const protocol = protocolOf(file);
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
  const endpoint: Endpoint = { name, client, credentials };
  const judge = file.protocol === 'chat' ? file : undefined;
  const { minimum, maximum } = judge ?? {};
  const { timeoutMs, concurrency, retries } = file;
  return new RemoteScorer({
    description: remoteDescription(
      file,
      { model: `${file.protocol}: ${judge?.model ?? name}`, version, minimum, maximum },
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

function protocolOf(file: HttpFile): Protocol {
  if (file.protocol === 'openrlhf') return openRlhf(file);
  if (file.protocol === 'text-classification') return textClassification(file);
  return chat(file);
}

function wordingOf({ protocol }: HttpFile): string {
  return protocol === 'chat' ? promptVersion : '';
}

/** Makes one request with the items that can be asked about. Errors of single items name the server too. */
async function scoresOf(
  endpoint: Endpoint,
  protocol: Protocol,
  items: readonly ScoreItem[],
  limits: RequestLimits,
): Promise<readonly (number | NoScore)[]> {
  const problems = items.map((item) => protocol.problemOf?.(item));
  const asked = items.filter((_, i) => problems[i] === undefined);
  const found = asked.length === 0 ? [] : await answersOf(endpoint, protocol, asked, limits);
  let next = 0;
  return problems.map((problem) => problem ?? at(found, next++));
}

async function answersOf(
  endpoint: Endpoint,
  protocol: Protocol,
  items: readonly ScoreItem[],
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

/** Returns the error that an answer consists of, as gateways send it with HTTP 200. */
function errorIn(answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return undefined;
  const { error } = answer;
  const means = (typeof error === 'string' && error !== '') || (typeof error === 'object' && error !== null);
  return means && !('choices' in answer) && !('rewards' in answer) ? error : undefined;
}
