/** Keeps Score requests within the service's size limit. gRPC servers accept 4 MiB by default. */
import { messageBytes, type Item, type RpcError } from '@gapo/rpc';

/** The largest request to a service that states no limit: below the 4 MiB that most servers accept, with a margin for proxies. */
export const defaultBytes = 3 * 2 ** 20;

/** Returns the bytes that an item takes in a request. A request's size is the sum over its items. */
export function itemBytes(item: Item): number {
  return messageBytes('gapo.reward.v1.ScoreRequest', { items: [item] });
}

/** A batch's limits. */
export interface RequestLimits {
  readonly items: number;
  readonly bytes: number;
}

/**
 * Splits items into requests, in order. Each request has as many items as both limits allow, but at least one.
 *
 * @param sizes the bytes of each item
 * @returns for each request, the index of its first item and the index after its last
 */
export function requestRanges(sizes: readonly number[], limits: RequestLimits): readonly (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  let bytes = Infinity;
  sizes.forEach((size, i) => {
    const last = ranges.at(-1);
    bytes += size;
    if (last !== undefined && bytes <= limits.bytes && i - last[0] < limits.items) {
      last[1] = i + 1;
      return;
    }
    ranges.push([i, i + 1]);
    bytes = size;
  });
  return ranges;
}

/**
 * Messages of servers that received a request larger than their limit: gRPC's C core (Python, C++, Ruby), Node.js and Go;
 * Java; .NET; Rust (tonic).
 */
const tooLarge = [
  /received message larger than max \(\d+ vs\.? (?<limit>\d+)\)/i,
  /message exceeds maximum size (?<limit>\d+)/i,
  /message exceeds the maximum configured message size/i,
  /message length too large: found \d+ bytes, the limit is: (?<limit>\d+) bytes/i,
];

/**
 * Whether a call failed because its request is larger than the server accepts. The error for a response above the client's own limit
 * has the same wording, but then the request is smaller than the limit.
 *
 * @param bytes the size of the request
 */
export function isTooLarge({ code, details }: RpcError, bytes: number): boolean {
  if (code !== 'RESOURCE_EXHAUSTED' && code !== 'OUT_OF_RANGE') return false;
  return tooLarge.some((pattern) => {
    const match = pattern.exec(details);
    return match !== null && bytes > Number(match.groups?.['limit'] ?? 0);
  });
}
