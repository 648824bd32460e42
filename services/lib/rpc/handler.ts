// Turns async functions and async generators into handlers of grpc-js.
import * as grpc from '@grpc/grpc-js';
import { trace } from '@opentelemetry/api';
import { untilAborted } from './abort.js';
import { recordServed } from './callMetrics.js';
import { OpenCall, type CallContext, type ServerCall } from './context.js';
import { serviceDefinition } from './definitions.js';
import { RpcError, trailersOf } from './error.js';
import { connectionFault } from './faults.js';
import { encodedOnce, responseEncoder, serialized, type EncodableMethod, type EncodedMessage } from './message.js';
import type { Handlers, MethodName, ServiceName } from './services.js';

/** A service with its handlers, created by {@link implement}. */
export interface Implementation {
  /** The service's full name. */
  readonly service: ServiceName;
  /** Methods whose calls end with UNAVAILABLE as soon as the server stops. */
  readonly endOnStop: ReadonlySet<string>;
  /** Methods that send the same objects to many callers. */
  readonly shared: ReadonlySet<string>;
  /** The handlers by method, their types erased. */
  readonly handlers: ReadonlyMap<string, AnyHandler>;
}

type AnyHandler = (request: unknown, context: CallContext) => Promise<unknown> | AsyncIterable<unknown>;

/** Options of {@link implement}. */
export interface ImplementOptions<S extends ServiceName> {
  /**
   * Long-lived methods, such as one that watches a run: their calls end with UNAVAILABLE, which clients retry, as soon as the server
   * stops. Calls of other methods have the grace period to finish.
   * @default []
   */
  endOnStop?: readonly MethodName<S>[];
  /**
   * Streaming methods that send the same message objects to many callers: each is serialized once for all of them. The objects must
   * not change.
   * @default []
   */
  shared?: readonly MethodName<S>[];
}

/** Observes the calls of a server. */
export interface CallObserver {
  /** A call began. */
  opened(call: OpenCall, endOnStop: boolean): void;
  /** A call ended. */
  closed(call: OpenCall): void;
  /** Returns the name in the verified certificate of a peer, by its address; undefined without TLS. */
  identityOf(peer: string): string | undefined;
  /** A stream was ended because its caller's credential is no longer valid. */
  outlived(reason: RpcError, call: { service: string; method: string; peer: string }): void;
  /** A handler threw something other than an RpcError. */
  failed(error: unknown, call: { service: string; method: string; peer: string }): void;
}

/**
 * Creates a service from its handlers.
 *
 * - unary: `async (request, context) => response`.
 * - streaming: `async function* (request, context) { yield response; }`. The generator runs no faster than the client reads: it
 *   continues once the stream has room. When the call ends early, its `finally` blocks run.
 *
 * An RpcError that a handler throws becomes the response's code and message. Anything else is a bug: the client gets INTERNAL with
 * the error's message, and the server logs the stack.
 *
 * @throws TypeError if a method has no handler
 */
export function implement<S extends ServiceName>(
  service: S,
  handlers: Handlers<S>,
  options: ImplementOptions<S> = {},
): Implementation {
  const table = handlers as unknown as Record<string, AnyHandler>;
  const methods = Object.keys(serviceDefinition(service));
  for (const method of methods) {
    if (typeof table[method] !== 'function') throw new TypeError(`${service} lacks a handler for ${method}`);
  }
  return {
    service,
    endOnStop: new Set(options.endOnStop ?? []),
    shared: new Set(options.shared ?? []),
    // Bound, so that handlers may be methods of an object.
    handlers: new Map(methods.map((method) => [method, (table[method] as AnyHandler).bind(handlers)])),
  };
}

/** Longest status message in characters: HTTP/2 trailers hold 64 KiB, and percent encoding may triple each byte. */
const longestDetails = 4096;

/** The kind of error that grpc-js sends: an Error with a status, whose message appears in the trace. */
type StatusError = Error & { code: grpc.status; details: string; metadata: grpc.Metadata };

function statusOf(error: RpcError): StatusError {
  // The message of an RpcError from a call made by the handler names that call.
  const text = error.message.length > longestDetails ? `${error.message.slice(0, longestDetails)}…` : error.message;
  // grpc-js percent-encodes the text and throws on a lone surrogate, which this round trip replaces.
  const details = Buffer.from(text, 'utf8').toString('utf8');
  return Object.assign(new Error(details, { cause: error }), {
    code: grpc.status[error.code],
    details,
    metadata: trailersOf(error),
  });
}

/** Adds a service to a server of grpc-js. */
export function addImplementation(server: grpc.Server, implementation: Implementation, observer: CallObserver): void {
  const { service } = implementation;
  const definition: Record<string, grpc.MethodDefinition<unknown, EncodedMessage>> = {};
  const handlers: grpc.UntypedServiceImplementation = {};

  for (const [method, spec] of Object.entries(serviceDefinition(service))) {
    const handler = implementation.handlers.get(method) as AnyHandler;
    const endOnStop = implementation.endOnStop.has(method);
    // Responses are serialised here rather than by grpc-js, which hides why serialisation failed.
    const eachEncoder = responseEncoder(spec as unknown as EncodableMethod);
    const encoder = implementation.shared.has(method) ? encodedOnce(eachEncoder) : eachEncoder;
    const encode = (response: unknown): EncodedMessage => {
      try {
        return encoder(response as object);
      } catch (cause) {
        throw new Error(`the response of ${method} does not fit its message: ${(cause as Error).message}`, { cause });
      }
    };
    definition[method] = { ...spec, responseSerialize: serialized };

    const open = (call: ServerCall): OpenCall => {
      const opened = new OpenCall(call, observer.identityOf(call.getPeer()));
      observer.opened(opened, endOnStop);
      return opened;
    };
    const close = (opened: OpenCall): void => {
      opened.close();
      observer.closed(opened);
      recordServed({ service, method }, opened.status, opened.began);
    };
    const toStatus = (error: unknown, opened: OpenCall): StatusError => {
      // If a handler stops because its signal aborted, the call fails with the signal's reason, whatever the handler throws.
      const aborted = opened.context.signal.aborted && error instanceof Error && error.name === 'AbortError';
      const known = aborted ? (opened.context.signal.reason as RpcError) : RpcError.from(error);
      if (!(error instanceof RpcError) && !aborted && known.code === 'INTERNAL') {
        if (error instanceof Error) trace.getActiveSpan()?.recordException(error);
        observer.failed(error, { service, method, peer: opened.context.peer });
      }
      opened.status = known.code;
      return statusOf(known);
    };

    handlers[method] = spec.responseStream
      ? (call: grpc.ServerWritableStream<unknown, EncodedMessage>) => {
          const opened = open(call);
          opened.endWithCredential((reason) =>
            observer.outlived(reason, { service, method, peer: opened.context.peer }),
          );
          const begin = (): AsyncIterable<unknown> => handler(call.request, opened.context) as AsyncIterable<unknown>;
          Promise.resolve(connectionFault('rpc.answer', { service, method }))
            .then(() => pump(call, begin, encode, opened.context.signal))
            .then(
              () => call.end(),
              (error: unknown) => call.emit('error', toStatus(error, opened)),
            )
            .finally(() => close(opened));
        }
      : (call: grpc.ServerUnaryCall<unknown, EncodedMessage>, callback: grpc.sendUnaryData<EncodedMessage>) => {
          const opened = open(call);
          const answer = async (): Promise<EncodedMessage> => {
            const response = await handler(call.request, opened.context);
            await connectionFault('rpc.answer', { service, method });
            return encode(response);
          };
          untilAborted(answer(), opened.context.signal)
            .then(
              (message) => callback(null, message),
              (error: unknown) => callback(toStatus(error, opened)),
            )
            .finally(() => close(opened));
        };
  }
  server.addService(definition, handlers);
}

/**
 * Writes a handler's messages as fast as the client reads them.
 *
 * @throws what the handler throws, or the signal's reason
 */
async function pump(
  call: grpc.ServerWritableStream<unknown, EncodedMessage>,
  begin: () => AsyncIterable<unknown>,
  encode: (response: unknown) => EncodedMessage,
  signal: AbortSignal,
): Promise<void> {
  const iterator = begin()[Symbol.asyncIterator]();
  let finished = false;
  try {
    for (;;) {
      const next = await untilAborted(iterator.next(), signal);
      if (next.done === true) {
        finished = true;
        return;
      }
      if (!call.write(encode(next.value))) await untilAborted(drained(call), signal);
    }
  } finally {
    // Not awaited: a generator that is waiting for something is stopped by the signal, and the client need not wait for it.
    if (!finished) iterator.return?.().catch(() => undefined);
  }
}

function drained(call: grpc.ServerWritableStream<unknown, EncodedMessage>): Promise<void> {
  return new Promise((resolve) => void call.once('drain', resolve));
}
