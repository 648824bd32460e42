/**
 * Refuses requests before anything of them is read: of other hosts and sites, for paths that do not exist, and with methods that
 * a path does not have. Nothing reads a request's body, since no path takes one.
 */
import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify';
import type { AllowedHosts } from './allowedHosts.js';

/** A request that is refused: a mistake of the client, which is not logged. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  /** The HTTP status, 400 to 499. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Returns the status and message of a request that the HTTP library or the guard refuses; undefined for any other error. */
export function clientError(error: unknown): { status: number; message: string } | undefined {
  if (error instanceof RequestError) return { status: error.status, message: error.message };
  if (!(error instanceof Error)) return undefined;
  const { statusCode } = error as Partial<FastifyError>;
  if (statusCode === undefined || statusCode < 400 || statusCode > 499) return undefined;
  return { status: statusCode, message: error.message };
}

/** The path that probes read. They call pods and load balancers by any name, and it says nothing about runs. */
export const probePath = '/healthz';

/** Checks every request. Must be called before routes are added. */
export function guardRequests(app: FastifyInstance, hosts: AllowedHosts): void {
  const paths: RegExp[] = [];
  app.addHook('onRoute', ({ url }) => void paths.push(new RegExp(`^${url.replaceAll(/:\w+/g, '[^/]+')}$`)));
  app.addHook('onRequest', async (request, reply) => {
    const path = request.url.replace(/[?#].*$/, '');
    if (path !== probePath) {
      const { host, origin } = request.headers;
      const refusal = hosts.refusal({ host, origin });
      if (refusal !== undefined) throw new RequestError(403, refusal);
    }
    if (request.is404) throw unknown(request, path, paths, (allow) => void reply.header('allow', allow));
  });
}

function unknown(
  { method, url }: FastifyRequest,
  path: string,
  paths: readonly RegExp[],
  setAllow: (methods: string) => void,
): RequestError {
  if (!paths.some((known) => known.test(path))) {
    return new RequestError(404, `nothing is at ${method} ${url}; the API begins with GET /api/runs`);
  }
  setAllow('GET, HEAD');
  return new RequestError(
    405,
    `${method} is not a method of ${path}: the gateway only reads; runs are changed with the command gapo`,
  );
}
