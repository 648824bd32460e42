/** One JSON request with a time limit. Its errors name the server, quote the answer and say whether to repeat the request. */
import { fetch, type Dispatcher, type Response } from 'undici';
import type { Credentials } from '../remote/credentials.js';
import { RemoteFailure } from '../remote/remoteFailure.js';
import type { RequestLimits } from '../remote/remoteScorer.js';
import { bodyBeginning, bodyText, parseJson } from './answer.js';
import { failureOf } from './failure.js';
import { excerpt, shown } from './protocols/excerpt.js';
import { waitOf } from './retryAfter.js';

/** Where requests go. */
export interface Endpoint {
  /** Without a user. */
  readonly url: string;
  /** The server, as errors name it: the URL without what may be secret in it. */
  readonly name: string;
  readonly credentials: Credentials;
  readonly dispatcher: Dispatcher;
  /** Explains a refusal; undefined if there is nothing to add. */
  readonly hint: (refusal: string) => string | undefined;
}

/** HTTP statuses after which the same request may succeed; 529 is an overloaded server's at Anthropic. */
const passing: ReadonlySet<unknown> = new Set([408, 425, 429, 500, 502, 503, 504, 529]);

/** The most redirections of a request. */
const mostRedirections = 5;

/**
 * Posts JSON and returns the answer's JSON.
 *
 * @throws RemoteFailure if the server gives no valid answer in time; the signal's reason once it aborts
 */
export async function post(endpoint: Endpoint, body: unknown, { signal, timeoutMs }: RequestLimits): Promise<unknown> {
  const limitMs = Math.ceil(timeoutMs);
  const late = AbortSignal.timeout(limitMs);
  try {
    return await contentOf(await answered(endpoint, JSON.stringify(body), AbortSignal.any([signal, late])), endpoint);
  } catch (error) {
    signal.throwIfAborted();
    const found = late.aborted
      ? new RemoteFailure(`no answer within ${limitMs} ms`, { retryable: true, cause: error })
      : failureOf(error);
    const { message, retryable, waitMs } = found;
    throw new RemoteFailure(endpoint.credentials.redacted(`${endpoint.name}: ${message}`), {
      retryable,
      waitMs,
      cause: error,
    });
  }
}

/** Follows redirections that keep the method and stay with the server: others would send texts or tokens elsewhere. */
async function answered(
  { url, credentials, dispatcher }: Endpoint,
  body: string,
  signal: AbortSignal,
): Promise<Response> {
  const headers = { accept: 'application/json', ...credentials.headers(), 'content-type': 'application/json' };
  let at = new URL(url);
  for (let redirections = 0; ; redirections += 1) {
    const response = await fetch(at.href, { method: 'POST', headers, body, signal, dispatcher, redirect: 'manual' });
    const { status } = response;
    if (status < 300 || status > 399) return response;
    const location = response.headers.get('location') ?? '';
    await response.body?.cancel();
    const next = URL.canParse(location, at.href) ? new URL(location, at) : undefined;
    const where = next === undefined ? 'nowhere' : `to ${nameOf(next)}`;
    const same = next?.origin === at.origin && (status === 307 || status === 308);
    if (next === undefined || !same) throw new RemoteFailure(`HTTP ${status}: redirects ${where}; set url to the address that answers`); // prettier-ignore
    if (redirections >= mostRedirections) throw new RemoteFailure(`HTTP ${status}: redirects more than ${mostRedirections} times, last ${where}`); // prettier-ignore
    at = next;
  }
}

/** Returns a URL as errors show it: without user, query and fragment, which may be secret. */
export function nameOf({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}

/** @throws RemoteFailure if the response is an error or not JSON */
async function contentOf(response: Response, { credentials, hint }: Endpoint): Promise<unknown> {
  const { status, headers } = response;
  if (status < 200 || status > 299) {
    const text = await bodyBeginning(response);
    const waitMs = waitOf(headers, Date.now());
    const wait = waitMs === undefined ? '' : ` (asks to wait for ${Math.ceil(waitMs / 100) / 10} s)`;
    const advice = hint(text) ?? (status === 401 && !credentials.authorized ? 'name a token with tokenEnv or tokenFile, or set headers' : undefined); // prettier-ignore
    // A quota that is used up is no matter of seconds.
    const retryable = passing.has(status) && !text.includes('insufficient_quota');
    throw new RemoteFailure(`HTTP ${status}${wait}: ${excerpt(text)}${advice === undefined ? '' : `; ${advice}`}`, {
      retryable,
      waitMs: retryable ? waitMs : undefined,
    });
  }
  const text = await bodyText(response);
  const type = headers.get('content-type') ?? 'no content type';
  if (text.trim() === '') throw new RemoteFailure(`HTTP ${status}: the answer is empty`);
  let answer: unknown;
  try {
    answer = parseJson(text);
  } catch (error) {
    throw new RemoteFailure(`HTTP ${status}: the answer is not JSON (${type}): ${excerpt(text)}`, { cause: error });
  }
  const error = errorIn(answer);
  if (error !== undefined) {
    const { code } = error as { readonly code?: unknown };
    throw new RemoteFailure(`HTTP ${status}: the answer is an error: ${shown(error)}`, {
      retryable: passing.has(Number(code)),
    });
  }
  return answer;
}

/** Returns the error that an answer consists of, as gateways send it with HTTP 200. */
function errorIn(answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return undefined;
  const { error } = answer;
  const means = (typeof error === 'string' && error !== '') || (typeof error === 'object' && error !== null);
  return means && !('choices' in answer) && !('rewards' in answer) ? error : undefined;
}
