// The types of clients and handlers, derived from the generated table of services.
import type { ClientCallOptions } from './client.js';
import type { CallContext } from './context.js';
import type { Services } from './gen/services.js';

/** A service, by its full name: `gapo.reward.v1.RewardService`. */
export type ServiceName = keyof Services;

/** A method of a service: `Score`. */
export type MethodName<S extends ServiceName> = keyof Services[S] & string;

interface MethodShape {
  kind: 'unary' | 'serverStream';
  request: unknown;
  requestInput: unknown;
  response: unknown;
  responseInput: unknown;
}

type Field<S extends ServiceName, M extends MethodName<S>, K extends keyof MethodShape> = Services[S][M] extends {
  [P in K]: infer T;
}
  ? T
  : never;

/** A request as a handler receives it: every scalar and list is set. */
export type Request<S extends ServiceName, M extends MethodName<S>> = Field<S, M, 'request'>;

/** A request as a caller writes it: omitted fields have their defaults. */
export type RequestInput<S extends ServiceName, M extends MethodName<S>> = Field<S, M, 'requestInput'>;

/** A response as a caller receives it: every scalar and list is set. One message of the stream where the method streams. */
export type Response<S extends ServiceName, M extends MethodName<S>> = Field<S, M, 'response'>;

/** A response as a handler writes it: omitted fields have their defaults. One message of the stream where the method streams. */
export type ResponseInput<S extends ServiceName, M extends MethodName<S>> = Field<S, M, 'responseInput'>;

/** The handlers of a service: an async function for a unary method, an async generator for a streaming one. */
export type Handlers<S extends ServiceName> = {
  [M in MethodName<S>]: Field<S, M, 'kind'> extends 'serverStream'
    ? (request: Request<S, M>, context: CallContext) => AsyncIterable<ResponseInput<S, M>>
    : (request: Request<S, M>, context: CallContext) => Promise<ResponseInput<S, M>>;
};

/** A client of a service: one function for each method, named as in the proto. */
export type Client<S extends ServiceName> = {
  /** @throws RpcError */
  readonly [M in MethodName<S>]: Field<S, M, 'kind'> extends 'serverStream'
    ? (request: RequestInput<S, M>, options: ClientCallOptions) => AsyncIterable<Response<S, M>>
    : (request: RequestInput<S, M>, options: ClientCallOptions) => Promise<Response<S, M>>;
} & {
  /** The server, as host:port or a gRPC target. */
  readonly target: string;
  /** Releases this client's reference to the channel, which closes with its last client. Calls in progress continue. */
  close(): void;
};
