/** One JSON request with a time limit. Its errors name the server, quote the answer and say whether to retry. */
import { NoScore } from '@gapo/reward';

/** Where requests go. */
export interface Endpoint {
  readonly url: string;
  readonly timeoutMs: number;
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
}

/** HTTP statuses after which the same request may succeed. */
const retryableStatuses: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Characters of an answer that an error quotes. */
const quoted = 200;

/**
 * Posts JSON and returns the answer's JSON.
 *
 * @throws NoScore if the server gives no valid answer in time; the signal's reason once it aborts
 */
export async function post(
  { url, timeoutMs, headers }: Endpoint,
  body: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  const late = AbortSignal.timeout(timeoutMs);
  let status: number;
  let answer: string;
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, late]),
    });
    status = response.status;
    answer = await response.text();
  } catch (error) {
    signal.throwIfAborted();
    if (late.aborted) throw new NoScore(`${url}: no answer within ${timeoutMs} ms`, { retryable: true, cause: error });
    throw new NoScore(`${url}: cannot be reached: ${reasonOf(error)}`, { retryable: true, cause: error });
  }
  if (status < 200 || status > 299) {
    throw new NoScore(`${url}: HTTP ${status}: ${answer.slice(0, quoted)}`, {
      retryable: retryableStatuses.has(status),
    });
  }
  try {
    return JSON.parse(answer);
  } catch (error) {
    throw new NoScore(`${url}: the answer is not JSON: ${answer.slice(0, quoted)}`, { cause: error });
  }
}

/** The message of fetch itself is "fetch failed"; the reason is its cause. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== '' ? cause.message : message;
}
