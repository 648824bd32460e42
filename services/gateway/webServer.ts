/** The web server beneath the gateway: HTTP on this machine, HTTPS with the certificate of this process, and its limits. */
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { contextOf, type Security } from '@gapo/rpc';

/** Limits per client. */
const limits = {
  // In bytes: all headers of a request.
  maxHeaderSize: 16_384,
  // In milliseconds: how long a client may take to send the headers, and the whole request.
  headersTimeout: 15_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 72_000,
} as const;

/** Maximum number of concurrent connections; each watcher of a run holds one. */
const maxConnections = 8192;

/** How long a client may take to complete the TLS handshake, in milliseconds. */
const handshakeMs = 10_000;

/** The kind of server used by this process. */
export interface WebServer {
  readonly scheme: 'http' | 'https';
  /** Creates the server. */
  readonly create: (handler: RequestListener) => Server;
  /** Stops watching the certificate files. */
  close(): void;
}

/**
 * Returns HTTPS if this process has a certificate, otherwise HTTP. Browsers are not asked for certificates, because users log
 * in in other ways.
 */
export function webServer({ files }: Pick<Security, 'files'>): WebServer {
  if (files?.current.own === undefined) {
    return {
      scheme: 'http',
      create: (handler) => bounded(createServer(limits, handler)),
      close: () => undefined,
    };
  }
  const unwatch: (() => void)[] = [];
  return {
    scheme: 'https',
    create: (handler) => {
      const { cert, key } = contextOf(files.current);
      const server = createSecureServer({ ...limits, cert, key, handshakeTimeout: handshakeMs }, handler);
      unwatch.push(
        files.onChange((material) => {
          const renewed = contextOf(material);
          server.setSecureContext({ cert: renewed.cert, key: renewed.key });
        }),
      );
      return bounded(server);
    },
    close: () => unwatch.forEach((stop) => stop()),
  };
}

function bounded<S extends Server>(server: S): S {
  server.maxConnections = maxConnections;
  return server;
}
