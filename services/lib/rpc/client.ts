// Clients of services: promises for unary methods, async iterables for streams, an RpcError for every failure.
import * as grpc from '@grpc/grpc-js';
import { clientMeter, type CallStatus } from './callMetrics.js';
import { shareChannel, type Tls } from './channel.js';
import type { ParentCall } from './context.js';
import { serviceDefinition } from './definitions.js';
import { RpcError, type CallSite } from './error.js';
import { connectionFault } from './faults.js';
import { messageOf } from './messageOf.js';
import type { Client, ServiceName } from './services.js';

/** Options of a client. */
export interface ConnectOptions {
  /**
   * How a server outside the platform is verified; 'none' for one without TLS.
   * @default as this process secures its connections: the server must have the identity of the service's role
   */
  readonly tls?: Tls | 'none' | undefined;
  /** Another service on the same server, whose role determines the expected certificate. @default the service itself */
  readonly beside?: ServiceName | undefined;
  /** Whether it uses a connection of its own rather than sharing one. @default false */
  readonly alone?: boolean | undefined;
  /**
   * Milliseconds that a call waits to re-establish a connection lost before the call. Between calls there are no reconnection attempts for long,
   * so the last failure may be minutes old and irrelevant to this call. @default 0: the call fails with the last failure
   */
  readonly reconnectMs?: number | undefined;
  /** Returns the metadata of a call, such as `{ authorization: 'Bearer ...' }`. Called for every call. @default none */
  readonly metadata?: (() => Readonly<Record<string, string>>) | undefined;
}

/** Options of a call. */
export interface ClientCallOptions {
  /**
   * Milliseconds from now until the call fails with DEADLINE_EXCEEDED; Infinity for a stream that lasts as long as its subject.
   * With a parent the earlier of the two deadlines applies.
   */
  deadlineMs: number;
  /** The call being served, from the handler's context: its deadline and cancellation are propagated. */
  parent?: ParentCall | undefined;
  /** Cancels the call. */
  signal?: AbortSignal | undefined;
  /** Metadata of this call, in addition to the client's. */
  metadata?: Readonly<Record<string, string>> | undefined;
}

/** The longest deadline in milliseconds, about 24 days: servers misread longer ones, which overflow 32 bits. */
const longestDeadlineMs = 2 ** 31 - 1;

type UnaryStub = (
  request: unknown,
  metadata: grpc.Metadata,
  options: grpc.CallOptions,
  callback: (error: grpc.ServiceError | null, response: unknown) => void,
) => grpc.ClientUnaryCall;
type StreamStub = (
  request: unknown,
  metadata: grpc.Metadata,
  options: grpc.CallOptions,
) => grpc.ClientReadableStream<unknown>;

function callOptions(options: ClientCallOptions, site: CallSite): grpc.CallOptions {
  const { deadlineMs, parent, signal } = options;
  if (!(deadlineMs > 0)) {
    throw new RpcError('DEADLINE_EXCEEDED', `deadlineMs is ${deadlineMs}: no time is left for the call`, site);
  }
  if (signal?.aborted === true) throw abortReason(signal, site);
  return {
    ...(deadlineMs <= longestDeadlineMs && { deadline: Date.now() + deadlineMs }),
    ...(parent !== undefined && { parent }),
  };
}

/** Returns the error of a call whose signal aborted: CANCELLED, unless the signal's reason has another code. */
function abortReason(signal: AbortSignal, site: CallSite): RpcError {
  const reason: unknown = signal.reason;
  if (reason instanceof RpcError) return new RpcError(reason.code, reason.details, { ...site, cause: reason });
  const text = messageOf(reason);
  const code = reason instanceof Error && reason.name === 'TimeoutError' ? 'DEADLINE_EXCEEDED' : 'CANCELLED';
  return new RpcError(code, text, { ...site, cause: reason });
}

/** Cancels the call when the signal aborts, until the returned function is called. */
function cancelOnAbort(
  call: grpc.ClientUnaryCall | grpc.ClientReadableStream<unknown>,
  signal?: AbortSignal,
): () => void {
  if (signal === undefined) return () => undefined;
  const cancel = (): void => call.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  return () => signal.removeEventListener('abort', cancel);
}

function failure(error: unknown, options: ClientCallOptions, site: CallSite): RpcError {
  const known = RpcError.from(error, site);
  return known.code === 'CANCELLED' && options.signal?.aborted === true ? abortReason(options.signal, site) : known;
}

/**
 * Waits for a limited time until a channel whose last attempt failed has connected. If it does not, the call that follows reports the problem.
 */
async function reconnected(channel: grpc.Channel, ms: number): Promise<void> {
  const { TRANSIENT_FAILURE, CONNECTING } = grpc.connectivityState;
  const end = Date.now() + ms;
  let state = channel.getConnectivityState(true);
  if (state !== TRANSIENT_FAILURE) return;
  while (state === TRANSIENT_FAILURE || state === CONNECTING) {
    const before = state;
    const changed = await new Promise<boolean>((resolve) => {
      channel.watchConnectivityState(before, end, (late) => resolve(late === undefined));
    });
    if (!changed) return;
    state = channel.getConnectivityState(true);
  }
}

async function callUnary(
  stub: UnaryStub,
  request: unknown,
  metadata: grpc.Metadata,
  options: ClientCallOptions,
  site: CallSite,
  ended: (status: CallStatus) => void,
): Promise<unknown> {
  await connectionFault('rpc.call', site);
  return new Promise((resolve, reject) => {
    const call = stub(request, metadata, callOptions(options, site), (error, response) => {
      release();
      if (error === null) {
        ended('OK');
        resolve(response);
      } else {
        const failed = failure(error, options, site);
        ended(failed.code);
        reject(failed);
      }
    });
    const release = cancelOnAbort(call, options.signal);
  });
}

async function* callStream(
  stub: StreamStub,
  request: unknown,
  metadata: grpc.Metadata,
  options: ClientCallOptions,
  site: CallSite,
  report: (status: CallStatus) => void,
): AsyncGenerator<unknown, void, undefined> {
  await connectionFault('rpc.call', site);
  const call = stub(request, metadata, callOptions(options, site));
  call.on('error', () => undefined); // the status of a cancelled call arrives after the iteration
  const release = cancelOnAbort(call, options.signal);
  // The status if the loop is left early.
  let status: CallStatus = 'CANCELLED';
  try {
    for await (const message of call) yield message;
    status = 'OK';
  } catch (error) {
    const failed = failure(error, options, site);
    status = failed.code;
    throw failed;
  } finally {
    release();
    report(status);
    if (status !== 'OK') call.cancel();
  }
}

/**
 * Creates a client of one service at one target. Clients of the same target share its channel, whichever service they call. Nothing is sent
 * until the first call. Calls to a target that does not answer fail with UNAVAILABLE (see waitForReady).
 *
 * A streaming call starts when its iteration begins, and is cancelled when the loop is left early. The server sends no faster than the
 * loop reads.
 *
 * @param target `host:port`, or `dns:///host:port` to spread calls over every address of the host
 * @throws TypeError if the target is not a valid address
 *
 * @example
 * A reward service in this process, and a call over gRPC:
 *
 * ```ts
 * import { connect, implement, serve } from '@gapo/rpc';
 *
 * const reward = implement('gapo.reward.v1.RewardService', {
 *   Describe: async () => ({ objective: 'short' }),
 *   Score: async ({ items }) => ({ results: items.map(({ id, completion }) => ({ id, score: -completion.length })) }),
 * });
 * const server = await serve({ address: '127.0.0.1:0', services: [reward] });
 * const client = connect('gapo.reward.v1.RewardService', server.address);
 * const items = [{ id: '1', prompt: 'Where is it?', completion: 'Here.' }];
 * const { results } = await client.Score({ items }, { deadlineMs: 60_000 });
 * console.log(results.map(({ id, score }) => [id, score])); // [ [ '1', -5 ] ]
 * client.close();
 * await server.stop();
 * ```
 */
export function connect<S extends ServiceName>(service: S, target: string, options: ConnectOptions = {}): Client<S> {
  const definition = serviceDefinition(service);
  const { reconnectMs = 0 } = options;
  const share = shareChannel(target, options.beside ?? service, options.tls, options.alone);
  const Stub = grpc.makeGenericClientConstructor(definition, service);
  const stub = new Stub(target, grpc.credentials.createInsecure(), { channelOverride: share.channel });
  const metadata = (call: ClientCallOptions): grpc.Metadata => {
    const sent = new grpc.Metadata();
    for (const [key, value] of Object.entries({ ...options.metadata?.(), ...call.metadata })) sent.set(key, value);
    return sent;
  };
  const client: Record<string, unknown> = { target, close: () => share.release() };
  for (const [method, spec] of Object.entries(definition)) {
    const site = { service, method, target };
    const call = (stub as unknown as Record<string, UnaryStub & StreamStub>)[method];
    if (call === undefined) throw new Error(`grpc-js made no function for ${service}/${method}`);
    const bound = call.bind(stub);
    const begin = clientMeter(site);
    const wait = (deadlineMs: number) => reconnected(share.channel, Math.min(reconnectMs, deadlineMs));
    client[method] = spec.responseStream
      ? async function* (request: unknown, call: ClientCallOptions) {
          if (reconnectMs > 0) await wait(call.deadlineMs);
          yield* callStream(bound, request, metadata(call), call, site, begin());
        }
      : async (request: unknown, call: ClientCallOptions) => {
          if (reconnectMs > 0) await wait(call.deadlineMs);
          return callUnary(bound, request, metadata(call), call, site, begin());
        };
  }
  return client as Client<S>;
}
