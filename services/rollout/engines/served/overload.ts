/** Servers that are alive and ask for fewer requests. */
import type { RequestFailure } from '@gapo/http';

/** Statuses of such a server. */
const overloadedStatuses: ReadonlySet<unknown> = new Set([429, 503, 529]);
/** The wait where a server names none, and the longest, in milliseconds. */
const usualWaitMs = 1000;
const longestWaitMs = 30_000;

/** Returns how long to wait for a server that is overloaded, in milliseconds; undefined for any other failure. */
export function overloadWaitMs({ status, waitMs = usualWaitMs }: RequestFailure): number | undefined {
  return overloadedStatuses.has(status) ? Math.min(waitMs, longestWaitMs) : undefined;
}
