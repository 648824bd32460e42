// Calls again after a failure that may pass, with pauses that grow.
import { setTimeout as delay } from 'node:timers/promises';
import { RpcError } from './error.js';

/** When and how often to call again. */
export interface RetryPolicy {
  /** Calls in all, the first included; at least 1. */
  attempts: number;
  /** Milliseconds before the second call, before jitter; each further pause is twice as long. */
  baseDelayMs: number;
  /** The longest pause in milliseconds, before jitter. */
  maxDelayMs: number;
  /** Ends the wait and the attempts. */
  signal?: AbortSignal | undefined;
  /**
   * Sets the jitter of one caller apart from another's, as a shard's number: callers that fail together do not all come back together.
   * @default 0
   */
  seed?: number;
  /**
   * Which failures may pass.
   * @default error.retryable
   */
  retryable?: (error: RpcError) => boolean;
  /** Told before each pause. */
  onRetry?: (event: { attempt: number; delayMs: number; error: RpcError }) => void;
}

/** A number in [0, 1) from two integers: a function of them alone, so that two runs wait alike. */
function jitter(seed: number, attempt: number): number {
  let bits = Math.imul(seed + 0x9e3779b9, 0x85ebca6b) ^ Math.imul(attempt + 1, 0xc2b2ae35);
  bits = Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d);
  bits = Math.imul(bits ^ (bits >>> 12), 0x297a2d39);
  return ((bits ^ (bits >>> 15)) >>> 0) / 2 ** 32;
}

/** Milliseconds before the call after the given one (1 is the first): between half and all of the doubled base delay. */
export function retryDelayMs(
  policy: Pick<RetryPolicy, 'baseDelayMs' | 'maxDelayMs' | 'seed'>,
  attempt: number,
): number {
  const whole = Math.min(policy.baseDelayMs * 2 ** (attempt - 1), policy.maxDelayMs);
  return whole * (0.5 + 0.5 * jitter(policy.seed ?? 0, attempt));
}

/**
 * The result of the first call that succeeds.
 * @param call is given the number of the attempt, from 1.
 * @throws RpcError the last failure, or the first that does not pass; CANCELLED where the signal aborts.
 */
export async function retry<T>(call: (attempt: number) => Promise<T>, policy: RetryPolicy): Promise<T> {
  const { attempts, signal, onRetry, retryable = (error: RpcError) => error.retryable } = policy;
  if (!Number.isInteger(attempts) || attempts < 1)
    throw new RangeError(`attempts is ${attempts}; it counts calls, from 1`);
  for (let attempt = 1; ; attempt += 1) {
    if (signal?.aborted === true) throw RpcError.from(signal.reason);
    try {
      return await call(attempt);
    } catch (reason) {
      const error = RpcError.from(reason);
      if (attempt >= attempts || !retryable(error)) throw error;
      const delayMs = retryDelayMs(policy, attempt);
      onRetry?.({ attempt, delayMs, error });
      try {
        await delay(delayMs, undefined, { signal });
      } catch {
        throw RpcError.from(signal?.reason);
      }
    }
  }
}
