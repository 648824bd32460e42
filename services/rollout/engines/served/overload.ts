/** Overloaded servers, which are alive but ask for fewer requests. */
import type { RequestFailure } from '@gapo/http';

/** HTTP statuses of an overloaded server. */
const overloadedStatuses: ReadonlySet<unknown> = new Set([429, 503, 529]);
/** The default and the longest wait, in milliseconds. */
const usualWaitMs = 1000;
const longestWaitMs = 30_000;

/** Returns how long to wait for an overloaded server, in milliseconds; undefined for any other failure. */
export function overloadWaitMs({ status, waitMs = usualWaitMs }: RequestFailure): number | undefined {
  return overloadedStatuses.has(status) ? Math.min(waitMs, longestWaitMs) : undefined;
}
