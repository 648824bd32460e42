// The error of this package: every failure of a call, on either side, is an RpcError with a code.
import * as grpc from '@grpc/grpc-js';
import { plainText } from './plainText.js';
import { connectionReason } from './reason.js';

/** The name of a gRPC status other than OK. */
export type RpcCode = Exclude<keyof typeof grpc.status, 'OK'>;

/** The service, method and server of a call. */
export interface CallSite {
  /** Full name of the service. */
  service?: string | undefined;
  /** The method's name. */
  method?: string | undefined;
  /** The server, as host:port or a gRPC target. */
  target?: string | undefined;
}

/**
 * Codes after which the same call may succeed. Every call of this system is idempotent: workers are stateless and their results are
 * functions of the request.
 *
 * Deliberately omitted: DEADLINE_EXCEEDED (the caller's time is up; a caller with more time decides for itself), CANCELLED (the result
 * is no longer needed), INTERNAL and UNKNOWN (a retry does not fix a bug).
 */
export const retryableCodes: ReadonlySet<RpcCode> = new Set<RpcCode>([
  'UNAVAILABLE', // nothing listens, the connection broke, or the server is stopping: another server, or this one later, may answer
  'RESOURCE_EXHAUSTED', // the server is temporarily overloaded
  'ABORTED', // the server preferred another call and asks for a retry
]);

/** The success status. */
const okStatus: number = grpc.status.OK;

function isCode(name: string): name is RpcCode {
  return name !== 'OK' && Object.hasOwn(grpc.status, name) && !/^\d/.test(name);
}

/** The trailer that says when to try again: https://github.com/grpc/proposal/blob/master/A6-client-retries.md (pushback). */
const pushbackKey = 'grpc-retry-pushback-ms';

/** Returns the trailers of a failed call. */
export function trailersOf({ retryAfterMs }: RpcError): grpc.Metadata {
  const trailers = new grpc.Metadata();
  if (retryAfterMs !== undefined) trailers.set(pushbackKey, String(Math.ceil(retryAfterMs)));
  return trailers;
}

function pushbackIn(trailers: unknown): number | undefined {
  const value = trailers instanceof grpc.Metadata ? trailers.get(pushbackKey)[0] : undefined;
  return typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

/** Returns the name of a numeric status; UNKNOWN for numbers that gRPC does not define. */
function codeName(code: number): RpcCode {
  const name = grpc.status[code];
  return name !== undefined && isCode(name) ? name : 'UNKNOWN';
}

function located(code: RpcCode, details: string, site: CallSite): string {
  const call = [site.service, site.method].filter((part) => part !== undefined).join('/');
  const where = [call, site.target].filter((part) => part !== undefined && part !== '').join(' at ');
  return where === '' ? details : `${where}: ${code}: ${details}`;
}

/** A failed call. A handler throws one to respond with its code and message; a client's promise rejects with one. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  /** Why the call failed, as UNAVAILABLE. */
  readonly code: RpcCode;
  /** What went wrong, without service and target. */
  readonly details: string;
  /** The service that was called; undefined in an error that a handler creates. */
  readonly service: string | undefined;
  /** The method that was called. */
  readonly method: string | undefined;
  /** The server that was called. */
  readonly target: string | undefined;
  /** Milliseconds after which the call may be repeated; undefined if the server does not know. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: RpcCode,
    details: string,
    options: CallSite & { cause?: unknown; retryAfterMs?: number | undefined } = {},
  ) {
    super(located(code, details, options), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = details;
    this.service = options.service;
    this.method = options.method;
    this.target = options.target;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** Whether the same call may succeed later: see {@link retryableCodes}. */
  get retryable(): boolean {
    return retryableCodes.has(this.code);
  }

  /**
   * Returns an RpcError for anything that can be thrown: itself, an error of grpc-js, the reason of an aborted signal, any other error
   * (INTERNAL), any other value (UNKNOWN).
   *
   * @param site the call, for an error that does not name it
   */
  static from(reason: unknown, site: CallSite = {}): RpcError {
    if (reason instanceof RpcError) return reason;
    if (!(reason instanceof Error)) return new RpcError('UNKNOWN', String(reason), { ...site, cause: reason });
    const { code, details, metadata } = reason as { code?: unknown; details?: unknown; metadata?: unknown };
    if (typeof code === 'number' && code !== okStatus && grpc.status[code] !== undefined) {
      const text = typeof details === 'string' && details !== '' ? details : reason.message;
      const retryAfterMs = pushbackIn(metadata);
      return new RpcError(codeName(code), connectionReason(plainText(text)), { ...site, cause: reason, retryAfterMs });
    }
    if (reason.name === 'AbortError') return new RpcError('CANCELLED', reason.message, { ...site, cause: reason });
    if (reason.name === 'TimeoutError') {
      return new RpcError('DEADLINE_EXCEEDED', reason.message, { ...site, cause: reason });
    }
    return new RpcError('INTERNAL', reason.message, { ...site, cause: reason });
  }
}
