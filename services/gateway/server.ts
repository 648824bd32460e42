/** The gateway's HTTP server: the page's files, the API and the event streams. */
import { constants, gzipSync } from 'node:zlib';
import type { EventBus } from '@gapo/events';
import { at } from '@gapo/numeric';
import { pageAssets, type Asset } from '@gapo/page';
import { checkHealth, processSecurity, requireSecureAddress, splitAddress } from '@gapo/rpc';
import { UserError, type Logger } from '@gapo/service';
import { attributeNames, record } from '@gapo/tracing';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { AllowedHosts } from './allowedHosts.js';
import { answered, resumptionOf, type RunRequest } from './answered.js';
import { serveChanges, serveSoupCheck } from './changeRoutes.js';
import { Changes } from './changes.js';
import { CredentialChecks } from './credentialChecks.js';
import { serveEvaluations } from './evaluationRoute.js';
import { EventHub } from './eventHub.js';
import { servePlane } from './planeRoute.js';
import { clientError, guardRequests, probePath, taking } from './requestGuard.js';
import { serveRuns } from './runRoutes.js';
import { httpError, RunsApi } from './runsApi.js';
import { serveSamples } from './sampleRoute.js';
import { securityHeaders } from './securityHeaders.js';
import { sendEvents } from './serverSentEvents.js';
import { credentialsOf } from './session.js';
import { serveSession } from './sessionRoutes.js';
import { watchedEvents, type SentEvent } from './watchedEvents.js';
import { webServer } from './webServer.js';

/** Collaborators and options of the gateway. */
export interface GatewayOptions {
  /** The address to listen on, such as 127.0.0.1:8080. Port 0 picks a free one. */
  listen: string;
  /** The coordinator's address. */
  coordinator: string;
  /** The source of events. With the in-process bus, the coordinator is watched instead. */
  bus: EventBus;
  /**
   * Host names that it answers to in addition to localhost, IP addresses and the name in `listen`.
   * @default none
   */
  allowedHosts?: readonly string[];
  log: Logger;
}

/** A running gateway. */
export interface Gateway {
  /** The address it listens on, with the actual port. */
  readonly address: string;
  /** The URL of its page, such as http://127.0.0.1:8080/. */
  readonly url: string;
  /** Ends open event streams, then closes the server. */
  stop(): Promise<void>;
}

const probeMs = 1000;

/**
 * Starts the gateway.
 *
 * @throws UserError if the address cannot be listened on
 * @throws TlsError if the address needs TLS, which is not set up
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { listen, coordinator, bus, allowedHosts = [], log } = options;
  const api = new RunsApi(coordinator);
  const checks = new CredentialChecks((id, metadata) => api.get(id, metadata));
  const hub = new EventHub(bus);
  await hub.start((error) => log.error({ error }, 'events are not read from NATS; pages watch the coordinator'));
  // Without a stream to read, runs are watched over gRPC.
  const hasStream = (): boolean => bus.transport === 'nats' && bus.stats().connected;
  const stopping = new AbortController();
  const refuse = (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const own = clientError(error);
    const { status, message } = own ?? httpError(error);
    if (status === 500) log.error({ error }, 'a request failed');
    if (status === 401 || status === 403) {
      const reason = status === 401 ? 'token' : own === undefined ? 'role' : 'origin';
      const { socket, method, url } = request.raw;
      const peer = `${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`;
      processSecurity().onRefused?.({ reason, peer, name: undefined, path: `${method} ${url ?? ''}`, why: message });
    }
    return reply.code(status).send({ error: message });
  };
  const { host } = splitAddress(listen);
  const security = processSecurity();
  requireSecureAddress(host, listen, security);
  const listener = webServer(security);
  const app = fastify({
    forceCloseConnections: true,
    serverFactory: listener.create,
    // Paths that cannot be decoded or are too long are refused before hooks and handlers run.
    frameworkErrors: (error, request, reply) => void refuse(error, request, reply),
  });
  app.setErrorHandler((error, request, reply) => refuse(error, request, reply));
  const assets = pageAssets();
  guardRequests(app, new AllowedHosts(allowedHosts, listen), securityHeaders(at(assets, 0).body));

  app.addHook('onResponse', async ({ method, routeOptions }, { statusCode, elapsedTime }) => {
    record('httpServerDuration', elapsedTime / 1000, {
      httpMethod: knownMethods.has(method) ? method : '_OTHER',
      httpRoute: routeOptions.url,
      httpStatus: statusCode,
      urlScheme: listener.scheme,
      ...(statusCode >= 500 && { errorType: String(statusCode) }),
    });
  });
  servePage(app, assets);
  serveRuns(app, api);
  serveSamples(app, api);
  servePlane(app, api);
  const changes = new Changes(api, host);
  serveChanges(app, api, changes);
  serveSoupCheck(app, api, changes);
  serveEvaluations(app, api, changes, stopping.signal);
  serveSession(app, api, listener.scheme);

  type Resumed = RunRequest<'after' | 'afterStep'>;
  app.get<Resumed>('/api/runs/:id/events', taking(['after', 'afterStep']), async (request, reply) => {
    const { id } = request.params;
    const metadata = credentialsOf(request.headers);
    const after = resumptionOf(request.headers['last-event-id'], request.query);
    // Set up before calling the coordinator, so that the stream of a reader that disconnects in the
    // meantime does not run forever.
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    await answered(id, () => api.get(id, metadata));
    const refused = checks.hold(id, metadata, gone.signal);
    const signal = AbortSignal.any([gone.signal, stopping.signal, refused]);
    const events: AsyncIterable<readonly SentEvent[]> = hasStream()
      ? hub.follow(id, after, signal)
      : watchedEvents(api, id, after, { signal, metadata });
    reply.hijack();
    await sendEvents(reply.raw, events, signal).catch((error: unknown) => {
      log.warn({ error, [attributeNames.runId]: id }, 'a stream of events ended early');
    });
  });

  app.get(probePath, async () => ({
    status: 'ok',
    coordinator: await checkHealth(coordinator, probeMs, 'gapo.training.v1.TrainingService').catch(() => 'UNREACHABLE'),
    events: { transport: bus.transport, connected: bus.stats().connected },
  }));

  const address = await listenOn(app, listen);
  return {
    address,
    url: `${listener.scheme}://${address}/`,
    stop: async () => {
      stopping.abort();
      await hub.stop();
      listener.close();
      await app.close();
      api.close();
    },
  };
}

/** Methods used as metric labels; clients may send arbitrary others. */
const knownMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Whether a client accepts gzip, according to its header. */
function acceptsGzip(header: string | string[] = ''): boolean {
  return /(^|,)\s*gzip\s*(,|$|;(?!\s*q=0(\.0*)?\s*(,|$)))/i.test(String(header));
}

/** Serves the page's files, which are small and are read and compressed once. */
function servePage(app: FastifyInstance, assets: readonly Asset[]): void {
  for (const { url, contentType, body } of assets) {
    const compressed = gzipSync(body, { level: constants.Z_BEST_COMPRESSION });
    app.get(url, ({ headers }, reply) => {
      void reply.type(contentType).headers({ 'cache-control': 'no-cache', vary: 'accept-encoding' });
      if (!acceptsGzip(headers['accept-encoding'])) return reply.send(body);
      return reply.header('content-encoding', 'gzip').send(compressed);
    });
  }
}

async function listenOn(app: FastifyInstance, listen: string): Promise<string> {
  try {
    await app.listen(splitAddress(listen));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      throw new UserError(
        `LISTEN: cannot listen on ${listen}: the port is taken; stop the process that listens there, or choose another port`,
        {
          cause: error,
        },
      );
    }
    if (code === 'EACCES' || code === 'EADDRNOTAVAIL') {
      throw new UserError(
        `LISTEN: cannot listen on ${listen}: ${code}; choose an address of this machine and a port above 1023`,
        {
          cause: error,
        },
      );
    }
    throw error;
  }
  const bound = app.server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the HTTP server has no port');
  return `${listen.slice(0, listen.lastIndexOf(':'))}:${bound.port}`;
}
