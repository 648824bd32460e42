/** Serves the metrics of this process to Prometheus. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { splitAddress } from '@gapo/rpc';
import { scrapeMetrics } from '@gapo/tracing';
import { UserError } from './userError.js';

/** Milliseconds that a scraper may take to send its request, which is a single line. */
const requestTimeoutMs = 10_000;

/** A server of metrics. */
export interface MetricsServer {
  /** The address it listens on, with the actual port. */
  readonly address: string;
}

/**
 * Serves /metrics over HTTP until the process ends, to everyone who can reach the address: metrics contain names of runs and objectives,
 * but no texts.
 *
 * @param listen host:port; port 0 picks a free one
 * @throws UserError if the address cannot be listened on
 */
export async function serveMetrics(listen: string): Promise<MetricsServer> {
  const server = createServer(
    { requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs },
    (request, response) => {
      void answer(request, response);
    },
  );
  server.listen(splitAddress(listen));
  try {
    await once(server, 'listening');
  } catch (error) {
    const { message } = error as Error;
    throw new UserError(`LISTEN_METRICS: cannot listen on ${listen}: ${message}; choose another address`, {
      cause: error,
    });
  }
  // It does not keep the process alive.
  server.unref();
  const bound = server.address();
  return {
    address: `${listen.slice(0, listen.lastIndexOf(':'))}:${typeof bound === 'object' && bound !== null ? bound.port : ''}`,
  };
}

async function answer({ method, url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path] = url.split('?', 1);
  if (path !== '/metrics') {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('not found: metrics are at /metrics\n');
    return;
  }
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return;
  }
  try {
    const text = await scrapeMetrics();
    if (text === undefined) response.writeHead(503).end('metrics are off\n');
    else response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text);
  } catch (error) {
    response
      .writeHead(500, { 'content-type': 'text/plain' })
      .end(`${error instanceof Error ? error.message : String(error)}\n`);
  }
}
