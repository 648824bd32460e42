// Durations of calls, following OpenTelemetry's RPC conventions.
import { record } from '@gapo/tracing';
import type { CallSite, RpcCode } from './error.js';

/** The status of a call that has ended. */
export type CallStatus = RpcCode | 'OK';

interface Target {
  readonly serverAddress: string;
  readonly serverPort?: number;
}

/** Returns the host and port that a client was given: the same for all servers behind a name. */
function serverOf(target: string): Target {
  const plain = target.replace(/^[a-z]+:\/*/, (scheme) => (scheme.includes('/') ? '' : scheme));
  const [, host = plain, port] = /^(.*):(\d+)$/.exec(plain) ?? [];
  return { serverAddress: host, ...(port !== undefined && { serverPort: Number(port) }) };
}

function attributesOf({ service = '', method = '' }: CallSite, status: CallStatus) {
  return {
    rpcSystem: 'grpc',
    rpcMethod: `${service}/${method}`,
    rpcStatus: status,
    ...(status !== 'OK' && { errorType: status }),
  };
}

/**
 * Measures the calls of one method at one server.
 *
 * @returns a function that begins a call and returns the function that ends it
 */
export function clientMeter(site: CallSite): () => (status: CallStatus) => void {
  const server = serverOf(site.target ?? '');
  return () => {
    const began = performance.now();
    return (status) =>
      record('rpcClientDuration', (performance.now() - began) / 1000, { ...attributesOf(site, status), ...server });
  };
}

/** Records a call that this process served. @param began when it began, by performance.now() */
export function recordServed(site: CallSite, status: CallStatus, began: number): void {
  record('rpcServerDuration', (performance.now() - began) / 1000, attributesOf(site, status));
}
