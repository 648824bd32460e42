/** One server of an engine, over HTTP with JSON. Errors name the server and say whether another attempt may succeed. */
import { z } from '@gapo/service';
import { injectTraceparent } from '@gapo/tracing';
import { Agent, request } from 'undici';

/** How long a request may take. */
export interface RequestLimits {
  readonly signal: AbortSignal;
  /** In milliseconds. */
  readonly timeoutMs: number;
}

/** Options of an {@link EngineFailure}. */
interface FailureOptions extends ErrorOptions {
  readonly status?: number;
  readonly passing?: boolean;
  readonly waitMs?: number | undefined;
}

/** A request without a usable answer. */
export class EngineFailure extends Error {
  override readonly name = 'EngineFailure';
  /** The HTTP status; undefined if there was none. */
  readonly status: number | undefined;
  /** Whether the same request may succeed later, or on another server. */
  readonly passing: boolean;
  /** How long the server asks to wait, in milliseconds; undefined unless it is alive and overloaded. */
  readonly waitMs: number | undefined;

  constructor(message: string, { status, passing = false, waitMs, ...options }: FailureOptions = {}) {
    super(message, options);
    this.status = status;
    this.passing = passing;
    this.waitMs = waitMs;
  }
}

/** Statuses of a server that is overloaded, starting, or in trouble. */
const passingStatuses: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);
/** Statuses of a server that asks for fewer requests. */
const overloadedStatuses: ReadonlySet<number> = new Set([429, 503]);
const usualWaitMs = 1000;
const longestWaitMs = 30_000;
const longestAnswer = 64 * 2 ** 20;
const longestQuote = 500;
const connectMs = 5000;

/** Errors as vLLM, SGLang and FastAPI send them. */
const errorBody = z.union([
  z.object({ error: z.object({ message: z.string() }) }).transform(({ error }) => error.message),
  z.object({ error_message: z.string() }).transform(({ error_message: message }) => message),
  z.object({ message: z.string() }).transform(({ message }) => message),
  z.object({ detail: z.string() }).transform(({ detail }) => detail),
]);

/** A server. */
export class EngineServer {
  /** Its URL, as errors and spans name it. */
  readonly name: string;
  readonly address: URL;
  readonly #headers: () => Readonly<Record<string, string>>;
  // Requests have time limits of their own.
  readonly #agent = new Agent({
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: connectMs },
    maxResponseSize: longestAnswer,
  });

  /** @param headers returns headers of every request, such as a token */
  constructor(url: string, headers: () => Readonly<Record<string, string>> = () => ({})) {
    this.address = new URL(url);
    this.name = `${this.address.origin}${this.address.pathname.replace(/\/$/, '')}`;
    this.#headers = headers;
  }

  get port(): number {
    return Number(this.address.port) || (this.address.protocol === 'https:' ? 443 : 80);
  }

  /** Gets a path; returns the text of the answer. @throws EngineFailure; the signal's reason once it aborts */
  get(path: string, limits: RequestLimits): Promise<string> {
    return this.#call('GET', path, undefined, limits);
  }

  /** Posts JSON; returns the text of the answer. @throws EngineFailure; the signal's reason once it aborts */
  post(path: string, body: unknown, limits: RequestLimits): Promise<string> {
    return this.#call('POST', path, JSON.stringify(body), limits);
  }

  /**
   * Returns an answer as a schema describes it.
   *
   * @throws EngineFailure if it is something else
   */
  parse<T>(what: string, schema: z.ZodType<T>, text: string): T {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (error) {
      throw new EngineFailure(`${this.name} answered ${what} with no JSON: ${quoted(text)}`, { cause: error });
    }
    const read = schema.safeParse(json);
    if (read.success) return read.data;
    const [issue] = read.error.issues;
    const where = issue === undefined ? '' : ` (${issue.path.join('.')}: ${issue.message})`;
    throw new EngineFailure(`${this.name} answered ${what} with another form than expected${where}: ${quoted(text)}`);
  }

  /** Closes the connections. */
  close(): Promise<void> {
    return this.#agent.destroy();
  }

  /** @throws EngineFailure; the signal's reason once it aborts */
  async #call(
    method: 'GET' | 'POST',
    path: string,
    body: string | undefined,
    { signal, timeoutMs }: RequestLimits,
  ): Promise<string> {
    signal.throwIfAborted();
    const ended = new AbortController();
    const cancel = (): void => ended.abort(signal.reason);
    signal.addEventListener('abort', cancel, { once: true });
    const late = new EngineFailure(`${this.name}${path} did not answer within ${timeoutMs / 1000} s`, {
      passing: true,
    });
    const timer = setTimeout(() => ended.abort(late), timeoutMs);
    try {
      const response = await request(`${this.name}${path}`, {
        method,
        dispatcher: this.#agent,
        signal: ended.signal,
        headers: {
          ...this.#headers(),
          ...injectTraceparent(),
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body }),
      });
      const text = await response.body.text();
      if (response.statusCode < 300) return text;
      throw this.#refused(path, response.statusCode, text, response.headers['retry-after']);
    } catch (error) {
      ended.signal.throwIfAborted();
      if (error instanceof EngineFailure) throw error;
      throw new EngineFailure(`${this.name} cannot be reached: ${reasonOf(error)}`, { passing: true, cause: error });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', cancel);
    }
  }

  #refused(path: string, status: number, text: string, retryAfter: string | string[] | undefined): EngineFailure {
    const asked = Number(retryAfter) * 1000;
    const waitMs = asked > 0 ? Math.min(asked, longestWaitMs) : usualWaitMs;
    return new EngineFailure(`${this.name}${path} answered HTTP ${status}: ${messageIn(text)}`, {
      status,
      passing: passingStatuses.has(status),
      waitMs: overloadedStatuses.has(status) ? waitMs : undefined,
    });
  }
}

/** Returns the message of an error's body. */
function messageIn(text: string): string {
  try {
    const read = errorBody.safeParse(JSON.parse(text));
    if (read.success) return quoted(read.data);
  } catch {
    // No JSON: the text is quoted.
  }
  return quoted(text);
}

function quoted(text: string): string {
  const line = text.trim().replace(/\s+/g, ' ');
  if (line === '') return 'no text';
  return line.length > longestQuote ? `${line.slice(0, longestQuote)}…` : line;
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message;
}
