// Retries with exponential backoff and jitter.
import { setTimeout as delay } from 'node:timers/promises';
import { count } from '@gapo/tracing';
import { RpcError } from './error.js';

/** When and how often to retry. */
export interface RetryPolicy {
  /** Total number of attempts, including the first; at least 1. */
  attempts: number;
  /** Delay before the second attempt in milliseconds, before jitter. Each further delay is twice as long. */
  baseDelayMs: number;
  /** The longest delay in milliseconds, before jitter. */
  maxDelayMs: number;
  /** Ends the wait and the attempts. */
  signal?: AbortSignal | undefined;
  /**
   * Gives callers that fail at the same time different jitter, so that they do not retry at the same time: a shard's number, for example.
   * @default 0
   */
  seed?: number;
  /**
   * Which failures are retried.
   * @default error.retryable
   */
  retryable?: (error: RpcError) => boolean;
  /** Observes each retry, before its delay. */
  onRetry?: (event: { attempt: number; delayMs: number; error: RpcError }) => void;
}

/** Returns a number in [0, 1) that depends only on two integers, so that delays are reproducible. */
function jitter(seed: number, attempt: number): number {
  let bits = Math.imul(seed + 0x9e3779b9, 0x85ebca6b) ^ Math.imul(attempt + 1, 0xc2b2ae35);
  bits = Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d);
  bits = Math.imul(bits ^ (bits >>> 12), 0x297a2d39);
  return ((bits ^ (bits >>> 15)) >>> 0) / 2 ** 32;
}

/** Returns the delay in milliseconds after an attempt (1 is the first): between half of the exponential delay and all of it. */
export function retryDelayMs(
  policy: Pick<RetryPolicy, 'baseDelayMs' | 'maxDelayMs' | 'seed'>,
  attempt: number,
): number {
  const whole = Math.min(policy.baseDelayMs * 2 ** (attempt - 1), policy.maxDelayMs);
  return whole * (0.5 + 0.5 * jitter(policy.seed ?? 0, attempt));
}

/**
 * Calls until an attempt succeeds, and returns its result.
 *
 * @param call receives the number of the attempt, from 1
 * @throws RpcError the last failure, or the first that is not retryable; CANCELLED if the signal aborts
 * @throws RangeError if there is no attempt
 */
export async function retry<T>(call: (attempt: number) => Promise<T>, policy: RetryPolicy): Promise<T> {
  const { attempts, signal, onRetry, retryable = (error: RpcError) => error.retryable } = policy;
  if (!Number.isInteger(attempts) || attempts < 1)
    throw new RangeError(`attempts is ${attempts}; it has to be an integer of at least 1`);
  for (let attempt = 1; ; attempt += 1) {
    if (signal?.aborted === true) throw RpcError.from(signal.reason);
    try {
      return await call(attempt);
    } catch (reason) {
      const error = RpcError.from(reason);
      if (attempt >= attempts || !retryable(error)) throw error;
      const delayMs = retryDelayMs(policy, attempt);
      const { service, method, code } = error;
      count('rpcRetries', 1, { rpcMethod: method && `${service ?? ''}/${method}`, rpcStatus: code });
      onRetry?.({ attempt, delayMs, error });
      try {
        await delay(delayMs, undefined, { signal });
      } catch {
        throw RpcError.from(signal?.reason);
      }
    }
  }
}
