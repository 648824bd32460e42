/**
 * Refuses requests before any of their content is read: from other hosts and sites, for unknown paths or methods, and changes
 * caused by another site.
 */
import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify';
import type { AllowedHosts } from './allowedHosts.js';

/** A refused request: a client mistake, which is not logged. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  /** The HTTP status, 400 to 499. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A path of the gateway and its methods. */
interface KnownPath {
  readonly pattern: RegExp;
  readonly methods: readonly string[];
}

/** Returns the status and message if the HTTP library or the guard refused a request; undefined for any other error. */
export function clientError(error: unknown): { status: number; message: string } | undefined {
  if (error instanceof RequestError) return { status: error.status, message: error.message };
  if (!(error instanceof Error)) return undefined;
  const { statusCode } = error as Partial<FastifyError>;
  if (statusCode === undefined || statusCode < 400 || statusCode > 499) return undefined;
  return { status: statusCode, message: error.message };
}

/**
 * The path for probes. It is allowed under any host name, because probes call pods and load balancers by any name and it reveals
 * nothing about runs.
 */
export const probePath = '/healthz';

/** Values of Sec-Fetch-Site for requests not caused by another site. */
const ownSites: readonly unknown[] = [undefined, 'same-origin', 'none'];

/**
 * Checks every request. Must be called before routes are added.
 *
 * @param headers sent with every response
 */
export function guardRequests(
  app: FastifyInstance,
  hosts: AllowedHosts,
  headers: Readonly<Record<string, string>>,
): void {
  const paths: KnownPath[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    paths.push({ pattern: new RegExp(`^${url.replaceAll(/:\w+/g, '[^/]+')}$`), methods: [method].flat() });
  });
  app.addHook('onRequest', async (request, reply) => {
    // Set on the raw response, because event streams bypass the HTTP library.
    for (const [name, value] of Object.entries(headers)) reply.raw.setHeader(name, value);
    if (request.url.startsWith('/api/')) reply.header('cache-control', 'no-store');
    const path = request.url.replace(/[?#].*$/, '');
    if (path !== probePath) {
      const { host, origin } = request.headers;
      const refusal = hosts.refusal({ host, origin });
      if (refusal !== undefined) throw new RequestError(403, refusal);
      const isRead = request.method === 'GET' || request.method === 'HEAD';
      if (!isRead && !ownSites.includes(request.headers['sec-fetch-site'])) {
        throw new RequestError(403, `${request.method} is for the gateway's own page`);
      }
    }
    if (request.is404) throw unknown(request, path, paths, (allow) => void reply.header('allow', allow));
    if (path.startsWith('/api/')) checkQuery(request);
  });
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The parameters that a route takes. @default none */
    parameters?: readonly string[];
  }
}

/** Returns the options of a route with these parameters. The guard refuses any others. */
export function taking(parameters: readonly string[]): { config: { parameters: readonly string[] } } {
  return { config: { parameters } };
}

/** @throws RequestError for a parameter that is unknown to the route or given twice */
function checkQuery({ query, routeOptions }: FastifyRequest): void {
  const { parameters = [] } = routeOptions.config;
  for (const [name, value] of Object.entries(query as Record<string, unknown>)) {
    if (!parameters.includes(name)) {
      const known = parameters.length === 0 ? 'it takes none' : `it takes ${parameters.join(', ')}`;
      throw new RequestError(400, `${JSON.stringify(name)} is not a parameter of ${routeOptions.url}: ${known}`);
    }
    if (Array.isArray(value)) throw new RequestError(400, `${name} is given ${value.length} times: give it once`);
  }
}

function unknown(
  { method, url }: FastifyRequest,
  path: string,
  paths: readonly KnownPath[],
  setAllow: (methods: string) => void,
): RequestError {
  const known = paths.filter(({ pattern }) => pattern.test(path));
  if (known.length === 0) {
    return new RequestError(404, `there is nothing at ${method} ${url}; the API begins with GET /api/runs`);
  }
  const allow = [...new Set(known.flatMap(({ methods }) => methods))].join(', ');
  setAllow(allow);
  return new RequestError(405, `${method} is not a method of ${path}: it has ${allow}`);
}
