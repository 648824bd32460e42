/** A server that is called over HTTP, mostly with JSON. Failures name it, quote its answer, and say whether to repeat the request. */
import { setMaxListeners } from 'node:events';
import { injectTraceparent } from '@gapo/tracing';
import { fetch, type Dispatcher, type Response } from 'undici';
import { Answer, type NamedFailure } from './answer.js';
import { bodyBeginning, bodyText } from './body.js';
import { credentialsOf, type Credentials } from './credentials.js';
import { dispatcherOf } from './dispatcher.js';
import { excerpt } from './excerpt.js';
import { reasonOf, type SettingNames } from './reason.js';
import { RequestFailure, isRetryableStatus } from './requestFailure.js';
import { waitOf } from './retryAfter.js';

/** The limits of a request. */
export interface RequestLimits {
  /** Ends the request. */
  readonly signal: AbortSignal;
  /** The time that the request may take with its answer, in milliseconds. */
  readonly timeoutMs: number;
}

/** Options of {@link HttpClient}. */
export interface HttpClientOptions {
  /** The server's URL, to which requests add their paths. A user in it belongs into the credentials. */
  readonly url: string;
  /** @default none */
  readonly credentials?: Credentials;
  /** Certificates (PEM) of the authorities to trust. @default those of Node.js */
  readonly ca?: string | undefined;
  /** The most bytes of an answer, after decompression. @default 16 MiB */
  readonly longestAnswer?: number;
  /** What messages call the settings of the server. */
  readonly settings?: SettingNames;
  /** Says what to do about a refusal; undefined if there is nothing to add. */
  readonly hint?: (status: number, body: string) => string | undefined;
}

/** Characters of a refusal that a failure quotes. */
const longestQuote = 500;
/** The most redirections of a request. */
const mostRedirections = 5;

/** The longest timer of Node.js. */
const longestTimerMs = 2 ** 31 - 1;

/** What a request sends. */
interface Sent {
  readonly method: 'GET' | 'POST';
  /** Begins with a slash, or is empty. */
  readonly path: string;
  /** Undefined: no body. */
  readonly json?: unknown;
}

/**
 * A server.
 *
 * @example
 * ```ts
 * const server = new HttpClient({ url: 'http://127.0.0.1:8000' });
 * const { version } = (await server.get('/version', { signal, timeoutMs: 5000 })).as(z.object({ version: z.string() }));
 * ```
 */
export class HttpClient {
  /** The server's URL without what may be secret in it, as messages show it. */
  readonly name: string;
  /** The server's URL without a user. */
  readonly address: URL;
  readonly #credentials: Credentials;
  readonly #dispatcher: Dispatcher;
  readonly #longestAnswer: number;
  readonly #settings: SettingNames;
  readonly #hint: NonNullable<HttpClientOptions['hint']>;

  /** @throws UserError if HTTP_PROXY or HTTPS_PROXY is not a URL */
  constructor({ url, credentials, ca, longestAnswer, settings, hint }: HttpClientOptions) {
    this.address = new URL(url);
    this.address.username = '';
    this.address.password = '';
    this.name = nameOf(this.address).replace(/\/$/, '');
    this.#credentials = credentials ?? credentialsOf({ where: this.name, url });
    this.#dispatcher = dispatcherOf(ca);
    this.#longestAnswer = longestAnswer ?? 16 * 2 ** 20;
    this.#settings = settings ?? { url: 'the URL', ca: 'NODE_EXTRA_CA_CERTS' };
    this.#hint = hint ?? (() => undefined);
  }

  /**
   * Gets a path.
   *
   * @throws RequestFailure if the server gives no answer of success in time; the signal's reason once it aborts
   */
  get(path: string, limits: RequestLimits): Promise<Answer> {
    return this.#call({ method: 'GET', path }, limits);
  }

  /**
   * Posts JSON to a path.
   *
   * @throws RequestFailure if the server gives no answer of success in time; the signal's reason once it aborts
   */
  post(path: string, json: unknown, limits: RequestLimits): Promise<Answer> {
    return this.#call({ method: 'POST', path, json }, limits);
  }

  /** Ends all requests, and closes the connections. */
  close(): Promise<void> {
    return this.#dispatcher.destroy();
  }

  async #call(sent: Sent, { signal, timeoutMs }: RequestLimits): Promise<Answer> {
    signal.throwIfAborted();
    setMaxListeners(0, signal); // requests share it
    const url = this.#urlOf(sent.path);
    // No AbortSignal.any and no AbortSignal.timeout: they would stay until a signal that lives as long as the process aborts.
    const ending = new AbortController();
    const cancel = (): void => ending.abort(signal.reason);
    signal.addEventListener('abort', cancel, { once: true });
    const limitMs = Math.min(Math.ceil(timeoutMs), longestTimerMs);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      ending.abort();
    }, limitMs);
    const named = (message: string): string => this.#credentials.redacted(`${nameOf(url)}: ${message}`);
    const failure: NamedFailure = (message, options) => new RequestFailure(named(message), options);
    try {
      const response = await this.#answered(url, sent, ending.signal);
      if (!response.ok) throw await this.#refused(response);
      const text = await bodyText(response, this.#longestAnswer);
      return new Answer(response.status, response.headers.get('content-type'), text, failure);
    } catch (error) {
      signal.throwIfAborted();
      if (isLate) {
        const limit = limitMs < 1000 ? `${limitMs} ms` : `${limitMs / 1000} s`;
        throw failure(`no answer within ${limit}`, { retryable: true, cause: error });
      }
      if (error instanceof RequestFailure) throw error.with({ message: named(error.message) });
      const { message, retryable } = reasonOf(error, this.#settings);
      throw failure(message, { retryable, cause: error });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', cancel);
    }
  }

  #urlOf(path: string): URL {
    const url = new URL(this.address);
    if (path !== '') url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`;
    return url;
  }

  /** Follows redirections that keep the method and stay with the server: others would send texts or tokens elsewhere. */
  async #answered(url: URL, { method, json }: Sent, signal: AbortSignal): Promise<Response> {
    const body = json === undefined ? undefined : JSON.stringify(json);
    const headers = {
      accept: 'application/json',
      ...injectTraceparent(),
      ...this.#credentials.headers(),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    };
    const request = { method, headers, signal, dispatcher: this.#dispatcher, ...(body !== undefined && { body }) };
    for (let [at, redirections] = [url, 0]; ; redirections += 1) {
      const response = await fetch(at.href, { ...request, redirect: 'manual' });
      const { status } = response;
      if (status < 300 || status > 399) return response;
      const location = response.headers.get('location') ?? '';
      await response.body?.cancel();
      const next = URL.canParse(location, at.href) ? new URL(location, at) : undefined;
      const where = next === undefined ? 'nowhere' : `to ${nameOf(next)}`;
      const same = next?.origin === at.origin && (status === 307 || status === 308);
      if (next === undefined || !same) throw new RequestFailure(`HTTP ${status}: redirects ${where}; set ${this.#settings.url} to the address that answers`, { status }); // prettier-ignore
      if (redirections >= mostRedirections) throw new RequestFailure(`HTTP ${status}: redirects more than ${mostRedirections} times, last ${where}`, { status }); // prettier-ignore
      at = next;
    }
  }

  /** Returns what a status of failure means. */
  async #refused(response: Response): Promise<RequestFailure> {
    const { status, headers } = response;
    const body = await bodyBeginning(response);
    const waitMs = waitOf(headers, Date.now());
    const wait = waitMs === undefined ? '' : ` (asks to wait for ${Math.ceil(waitMs / 100) / 10} s)`;
    const hint = this.#hint(status, body);
    // A quota that is used up is no matter of seconds.
    const retryable = isRetryableStatus(status) && !body.includes('insufficient_quota');
    const message = `HTTP ${status}${wait}: ${excerpt(body, longestQuote) || 'no text'}${hint === undefined ? '' : `; ${hint}`}`;
    return new RequestFailure(message, { status, body, retryable, waitMs: retryable ? waitMs : undefined });
  }
}

/** Returns a URL as messages show it: without user, query and fragment, which may be secret. */
export function nameOf({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}
