/** A scorer that calls a server over HTTP. */
import { unescape } from 'node:querystring';
import { at } from '@gapo/numeric';
import { NoScore, type ScoreItem } from '@gapo/reward';
import { certificatesOf } from '../remote/certificates.js';
import { credentialsOf, tokenOf } from '../remote/credentials.js';
import { readRemoteFile, remoteDescription, type RemoteOptions } from '../remote/remoteFile.js';
import { RemoteScorer, type RequestLimits } from '../remote/remoteScorer.js';
import { dispatcherOf } from './dispatcher.js';
import { chat } from './judge/chat.js';
import { promptVersion } from './judge/prompt.js';
import { httpFile, type HttpFile } from './protocols/httpFile.js';
import { openRlhf } from './protocols/openRlhf.js';
import type { Protocol } from './protocols/protocol.js';
import { textClassification } from './protocols/textClassification.js';
import { nameOf, post, type Endpoint } from './request.js';

/**
 * Reads and checks a file. The server is called with the first batch, not before.
 *
 * @throws UserError or ConfigError if the file, a token or a certificate is invalid
 */
export async function openHttpScorer(options: RemoteOptions): Promise<RemoteScorer> {
  const { path, objective } = options;
  const { file, version } = await readRemoteFile(path, httpFile, wordingOf);
  const protocol = protocolOf(file);
  const url = new URL(file.url);
  const name = nameOf(url);
  const endpoint: Endpoint = {
    ...withoutUser(url),
    name,
    credentials: credentialsOf({ token: tokenOf(options, file, path), headers: file.headers, user: userOf(url), path }),
    dispatcher: dispatcherOf(file.ca === undefined ? undefined : await certificatesOf(file.ca, path)),
    hint: (refusal) => protocol.hint?.(refusal),
  };
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
    close: () => void endpoint.dispatcher.destroy(),
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
  const answer = await post(endpoint, protocol.request(items), limits);
  try {
    return protocol.read(answer, items).map((found) => (typeof found === 'number' ? found : named(found)));
  } catch (error) {
    throw error instanceof NoScore ? named(error) : error;
  }
}

function withoutUser(url: URL): { readonly url: string } {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return { url: bare.href };
}

function userOf({ username, password }: URL) {
  if (username === '' && password === '') return undefined;
  return { name: unescape(username), password: unescape(password) };
}
