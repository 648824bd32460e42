// What a handler knows of its call, and how the server ends a call from its side.
import { setMaxListeners } from 'node:events';
import type * as grpc from '@grpc/grpc-js';
import { RpcError } from './error.js';
import type { EncodedMessage } from './message.js';

/** A call that a server answers, as grpc-js has it; given to a client it forwards deadline and cancellation. */
export type ParentCall = NonNullable<grpc.CallOptions['parent']>;

/** What a handler knows of its call. */
export interface CallContext {
  /**
   * Aborts when the answer is no longer wanted: the client cancelled or went away, the deadline passed, or the server stops.
   * Its reason is an RpcError that says which.
   */
  readonly signal: AbortSignal;
  /** When the client stops waiting; undefined where it waits for ever. */
  readonly deadline: Date | undefined;
  /** The client, as address:port. */
  readonly peer: string;
  /** Forwards deadline and cancellation: `client.Score(request, { deadlineMs, parent: context.parent })`. */
  readonly parent: ParentCall;
}

/** Any call of grpc-js's server that answers with one message or with a stream. */
export type ServerCall =
  grpc.ServerUnaryCall<unknown, EncodedMessage> | grpc.ServerWritableStream<unknown, EncodedMessage>;

/** Longest delay of a timer, in milliseconds: a longer one would fire at once. */
const longestTimer = 2 ** 31 - 1;

/** A call under way on the server. */
export class OpenCall {
  readonly context: CallContext;
  readonly #controller = new AbortController();
  readonly #deadlineTimer: NodeJS.Timeout | undefined;

  constructor(call: ServerCall) {
    const deadline = Number(call.getDeadline());
    // A handler may make any number of calls under this one, and each listens for its end.
    call.setMaxListeners(0);
    setMaxListeners(0, this.#controller.signal);
    call.on('cancelled', () => this.abort(new RpcError('CANCELLED', 'the client no longer waits for this call')));
    if (Number.isFinite(deadline)) {
      const left = Math.min(Math.max(deadline - Date.now(), 0), longestTimer);
      this.#deadlineTimer = setTimeout(
        () => this.abort(new RpcError('DEADLINE_EXCEEDED', 'the deadline of this call passed')),
        left,
      );
      this.#deadlineTimer.unref();
    }
    this.context = {
      signal: this.#controller.signal,
      deadline: Number.isFinite(deadline) ? new Date(deadline) : undefined,
      peer: call.getPeer(),
      parent: call as ParentCall,
    };
  }

  /** Tells the handler, and whoever waits for it, that the call is over; the first reason holds. */
  abort(reason: RpcError): void {
    clearTimeout(this.#deadlineTimer);
    this.#controller.abort(reason);
  }

  /** The call was answered: its timer is not needed any more. */
  close(): void {
    clearTimeout(this.#deadlineTimer);
  }
}
