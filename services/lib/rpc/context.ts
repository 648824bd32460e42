// The context of a call that a handler receives, and how the server ends a call.
import { setMaxListeners } from 'node:events';
import type * as grpc from '@grpc/grpc-js';
import { callerOf, type AdmittedCaller } from './authorize.js';
import type { CallStatus } from './callMetrics.js';
import { RpcError } from './error.js';
import type { EncodedMessage } from './message.js';

/** A server call of grpc-js. Passed to a client call, it propagates deadline and cancellation. */
export type ParentCall = NonNullable<grpc.CallOptions['parent']>;

/** The context of a call. */
export interface CallContext {
  /**
   * Aborts when the response is no longer needed: the client cancelled or disconnected, the deadline passed, or the server stops.
   * Its reason is an RpcError that says which.
   */
  readonly signal: AbortSignal;
  /** The call's deadline; undefined if it has none. */
  readonly deadline: Date | undefined;
  /** The client's address, as address:port. */
  readonly peer: string;
  /** The name in the client's verified certificate, such as `spiffe://gapo/coordinator`; undefined without TLS. */
  readonly identity: string | undefined;
  /** The caller, identified by a credential such as a bearer token; undefined if the service admits everyone. */
  readonly caller: AdmittedCaller | undefined;
  /** Propagates deadline and cancellation: `client.Score(request, { deadlineMs, parent: context.parent })`. */
  readonly parent: ParentCall;
}

/** A server call of grpc-js, unary or streaming. */
export type ServerCall =
  grpc.ServerUnaryCall<unknown, EncodedMessage> | grpc.ServerWritableStream<unknown, EncodedMessage>;

/** The longest delay of a timer, in milliseconds: a longer one would fire immediately. */
const longestTimer = 2 ** 31 - 1;

/**
 * Calls a function at a given time, however far in the future. Does not keep the process alive.
 *
 * @param time in milliseconds since 1970
 * @returns cancels it
 */
function callAt(time: number, act: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = (): void => {
    const left = Math.min(Math.max(time - Date.now(), 0), longestTimer);
    timer = setTimeout(() => (Date.now() < time ? arm() : act()), left);
    timer.unref();
  };
  arm();
  return () => clearTimeout(timer);
}

/** A call in progress on the server. */
export class OpenCall {
  readonly context: CallContext;
  /** When it began, by performance.now(). */
  readonly began = performance.now();
  /** How it ended, once it has. */
  status: CallStatus = 'OK';
  readonly #controller = new AbortController();
  /** Callbacks that release what waits for the call to end. */
  readonly #releases: (() => void)[] = [];

  constructor(call: ServerCall, identity: string | undefined) {
    const deadline = Number(call.getDeadline());
    // A handler may make any number of child calls, and each of them listens.
    call.setMaxListeners(0);
    setMaxListeners(0, this.#controller.signal);
    call.on('cancelled', () => this.abort(new RpcError('CANCELLED', 'the client no longer waits for this call')));
    if (Number.isFinite(deadline)) {
      const passed = (): void => this.abort(new RpcError('DEADLINE_EXCEEDED', 'the deadline of this call passed'));
      this.#releases.push(callAt(deadline, passed));
    }
    this.context = {
      signal: this.#controller.signal,
      deadline: Number.isFinite(deadline) ? new Date(deadline) : undefined,
      peer: call.getPeer(),
      identity,
      caller: callerOf(call.metadata),
      parent: call as ParentCall,
    };
  }

  /**
   * Aborts the handler's signal once the caller's credential is no longer valid.
   *
   * @param onEnd called when that happens
   */
  endWithCredential(onEnd: (reason: RpcError) => void): void {
    const { caller } = this.context;
    if (caller === undefined) return;
    const end = (reason: RpcError): void => {
      if (this.#controller.signal.aborted) return;
      this.abort(reason);
      onEnd(reason);
    };
    const { name, expires, revoked } = caller;
    if (expires !== undefined) {
      const expired = (): void => end(new RpcError('UNAUTHENTICATED', `the token of ${name} has expired`));
      this.#releases.push(callAt(expires.getTime(), expired));
    }
    if (revoked !== undefined) {
      const taken = (): void => end(RpcError.from(revoked.reason));
      revoked.addEventListener('abort', taken, { once: true });
      this.#releases.push(() => revoked.removeEventListener('abort', taken));
      if (revoked.aborted) taken();
    }
  }

  /** Aborts the handler's signal. Only the first reason counts. */
  abort(reason: RpcError): void {
    this.close();
    this.#controller.abort(reason);
  }

  /** Releases timers and listeners of a call that has ended. */
  close(): void {
    for (const release of this.#releases.splice(0)) release();
  }
}
