// Serves implementations over gRPC, with health and reflection, and stops gracefully.
import * as grpc from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { settlesWithin } from './abort.js';
import { admissionGuard, type Admission } from './authorize.js';
import { transportOptions } from './channel.js';
import type { OpenCall } from './context.js';
import { RpcError } from './error.js';
import { addImplementation, type CallObserver, type Implementation } from './handler.js';
import { addReflection } from './reflection.js';
import type { CertificateFiles } from './tls/certificateFiles.js';
import { guard } from './tls/guard.js';
import { listenWithTls, Peers, type TlsListener } from './tls/listener.js';
import { requireSecureAddress } from './tls/listenRule.js';
import { peerName } from './tls/peerNames.js';
import { processSecurity } from './tls/security.js';

/** Options of {@link serve}. */
export interface ServeOptions {
  /** The address to listen on, such as `0.0.0.0:50051`. Port 0 picks a free one. */
  address: string;
  /** The services to serve. */
  services: readonly Implementation[];
  /**
   * The health at first. Set it to false if the services cannot be called yet.
   * @default true
   */
  serving?: boolean;
  /**
   * Milliseconds that calls in progress have to finish when the server stops.
   * @default 10000
   */
  shutdownGraceMs?: number;
  /**
   * Milliseconds after which clients have to reconnect, which is how they discover servers added behind a DNS name. Calls in progress are
   * not affected.
   * @default 300000
   */
  maxConnectionAgeMs?: number;
  /**
   * Admits the calls of one of the services by their metadata. With TLS this replaces the role check: callers need no certificate.
   * @default as the process secures its connections
   */
  admission?: Admission | undefined;
  /**
   * Observes errors of handlers other than RpcErrors.
   * @default writes the stack to stderr
   */
  onHandlerError?: CallObserver['failed'];
}

/** A running server. */
export interface RunningServer {
  /** The address it listens on, with the actual port. */
  readonly address: string;
  /** Sets the health of the server and of each of its services. */
  setServing(serving: boolean): void;
  /**
   * Stops the server: health turns NOT_SERVING, calls of `endOnStop` methods end with UNAVAILABLE, others have the grace period to finish
   * and then end with UNAVAILABLE too. Resolves when the server has closed. Idempotent.
   */
  stop(): Promise<void>;
}

/** The full name of the standard health service. */
const healthService = 'grpc.health.v1.Health';

/**
 * Limits per connection. HTTP/2 bounds the rest: Node.js accepts at most 64 KiB and 128 fields of metadata, and buffers at most 64 KiB of
 * an unread request.
 */
const limits = {
  // A gateway opens one stream per watcher, all over one connection.
  'grpc.max_concurrent_streams': 4096,
} as const satisfies grpc.ChannelOptions;

/** Milliseconds for final statuses to reach clients before connections are closed. */
const lastWordsMs = 500;

function logHandlerError(error: unknown, call: { service: string; method: string; peer: string }): void {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  console.error(`${call.service}/${call.method} failed for ${call.peer}: ${stack}`);
}

/** An address that cannot be listened on: a user error, not a bug. */
class AddressError extends RpcError {
  readonly expected = true;
}

function splitAddress(address: string): { host: string; port: number } {
  const match = /^(.+):(\d{1,5})$/.exec(address);
  const port = Number(match?.[2]);
  if (match?.[1] === undefined || port > 65535) {
    throw new AddressError('INVALID_ARGUMENT', `cannot listen on '${address}': write host:port, such as 0.0.0.0:50051`);
  }
  return { host: match[1], port };
}

/** Returns an error that says why an address cannot be listened on, and what to do. */
function bindError(address: string, cause: Error): RpcError {
  const { port } = splitAddress(address);
  let why = cause.message;
  if (why.includes('EADDRINUSE')) {
    why = `another process holds that port; stop it (ss -ltnp 'sport = :${port}' names it) or choose another address`;
  } else if (why.includes('EACCES')) {
    why = 'this user has no permission for that port; choose one above 1023';
  } else if (why.includes('EADDRNOTAVAIL')) {
    why = 'this machine has no such address; use 127.0.0.1 for this machine alone or 0.0.0.0 for every network';
  }
  return new AddressError('FAILED_PRECONDITION', `cannot listen on ${address}: ${why}`, { cause });
}

function bind(server: grpc.Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(bindError(address, error));
    });
  });
}

/** Listens with TLS. TLS is terminated before grpc-js, which gets plain connections. */
async function bindWithTls(
  server: grpc.Server,
  address: string,
  files: CertificateFiles,
  peers: Peers,
): Promise<TlsListener> {
  const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  try {
    return await listenWithTls(splitAddress(address), files, peers, processSecurity(), (socket) =>
      injector.injectConnection(socket),
    );
  } catch (error) {
    injector.destroy();
    throw error instanceof Error && 'syscall' in error ? bindError(address, error) : error;
  }
}

/**
 * Starts a server with the given services, grpc.health.v1 and server reflection.
 *
 * With TLS (see `secureProcess`) every call except to grpc.health.v1 needs a certificate, and a service of the platform accepts only the
 * roles that may call it. Without TLS, the server may listen only on this machine's own addresses unless the process is configured
 * otherwise.
 *
 * @throws RpcError FAILED_PRECONDITION if the address cannot be listened on, INVALID_ARGUMENT if it is not an address
 * @throws TlsError if the address needs TLS, which is not set up
 */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const { address, services, shutdownGraceMs = 10_000, maxConnectionAgeMs = 300_000 } = options;
  const { host } = splitAddress(address);
  const security = processSecurity();
  requireSecureAddress(host, address, security);
  const { files } = security;
  const peers = new Peers();
  const verifiedName = (peer: string): string | undefined => {
    const found = peers.of(peer);
    return found?.names === undefined || found.problem !== undefined ? undefined : peerName(found.names);
  };
  const server = new grpc.Server({
    ...transportOptions,
    ...limits,
    'grpc.max_connection_age_ms': maxConnectionAgeMs,
    interceptors: [
      ...(files === undefined ? [] : [guard(peers.of, security, options.admission?.service)]),
      ...(options.admission === undefined ? [] : [admissionGuard(options.admission, security.onRefused, verifiedName)]),
    ],
  });

  const open = new Map<OpenCall, boolean>();
  const observer: CallObserver = {
    opened: (call, endOnStop) => void open.set(call, endOnStop),
    closed: (call) => void open.delete(call),
    outlived: ({ details: why }, { service, method, peer }) =>
      security.onRefused?.({ reason: 'token', peer, name: verifiedName(peer), path: `/${service}/${method}`, why }),
    failed: options.onHandlerError ?? logHandlerError,
    identityOf: verifiedName,
  };
  for (const implementation of services) addImplementation(server, implementation, observer);

  const names = services.map(({ service }) => service);
  const health = new HealthImplementation();
  const setServing = (serving: boolean): void => {
    for (const name of ['', ...names]) health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  };
  health.addToServer(server);
  addReflection(server, [...names, healthService]);

  const listener = files === undefined ? undefined : await bindWithTls(server, address, files, peers);
  const port = listener?.port ?? (await bind(server, address));
  setServing(options.serving ?? true);

  const end = async (): Promise<void> => {
    setServing(false);
    listener?.close();
    for (const [call, endOnStop] of open) {
      if (endOnStop) call.abort(new RpcError('UNAVAILABLE', 'the server is stopping; retry'));
    }
    const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    if (await settlesWithin(closed, shutdownGraceMs)) return;
    for (const call of open.keys()) {
      call.abort(new RpcError('UNAVAILABLE', 'the server stopped before the call had finished; retry'));
    }
    if (await settlesWithin(closed, lastWordsMs)) return;
    server.forceShutdown();
  };
  let ending: Promise<void> | undefined;
  return { address: `${host}:${port}`, setServing, stop: () => (ending ??= end()) };
}

/**
 * Serves only grpc.health.v1, without TLS and to every peer, for probes that do not support TLS, such as Kubernetes'.
 *
 * @throws RpcError as {@link serve}
 */
export async function serveHealth(address: string): Promise<RunningServer> {
  const { host } = splitAddress(address);
  const server = new grpc.Server({ ...transportOptions, ...limits, 'grpc.max_receive_message_length': 4096 });
  const health = new HealthImplementation();
  const setServing = (serving: boolean): void => health.setStatus('', serving ? 'SERVING' : 'NOT_SERVING');
  health.addToServer(server);
  const port = await bind(server, address);
  setServing(true);
  return {
    address: `${host}:${port}`,
    setServing,
    stop: async () => {
      setServing(false);
      server.forceShutdown();
    },
  };
}
