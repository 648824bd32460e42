/** One JSON request: a time limit, and errors that say who answered what, and whether the same may succeed later. */
import { NoScore } from '@gapo/reward';

/** Where requests go. */
export interface Endpoint {
  readonly url: string;
  readonly timeoutMs: number;
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Statuses after which the same request may succeed: too many, or not now. */
const passing: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Characters of an answer that an error quotes. */
const quoted = 200;

/**
 * Posts JSON and reads JSON.
 *
 * @throws NoScore where there is no answer that can be read; the signal's reason
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
    throw new NoScore(`${url}: HTTP ${status}: ${answer.slice(0, quoted)}`, { retryable: passing.has(status) });
  }
  try {
    return JSON.parse(answer);
  } catch (error) {
    throw new NoScore(`${url}: the answer is not JSON: ${answer.slice(0, quoted)}`, { cause: error });
  }
}

/** fetch says "fetch failed" and hides why. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== '' ? cause.message : message;
}
