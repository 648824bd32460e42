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

/** A request as a handler receives it: every scalar and list is there. */
export type Request<S extends ServiceName, M extends MethodName<S>> = Field<S, M, 'request'>;

/** A request as a caller writes it: what is left out has its default. */
export type RequestInput<S extends ServiceName, M extends MethodName<S>> = Field<S, M, 'requestInput'>;

/** A response as a caller receives it: every scalar and list is there. One message of it where the method streams. */
export type Response<S extends ServiceName, M extends MethodName<S>> = Field<S, M, 'response'>;

/** A response as a handler writes it: what is left out has its default. One message of it where the method streams. */
export type ResponseInput<S extends ServiceName, M extends MethodName<S>> = Field<S, M, 'responseInput'>;

/** Methods of a service that stream their response. */
export type StreamingMethod<S extends ServiceName> = {
  [M in MethodName<S>]: Field<S, M, 'kind'> extends 'serverStream' ? M : never;
}[MethodName<S>];

/** What implements a service: an async function for a unary method, an async generator for a streaming one. */
export type Handlers<S extends ServiceName> = {
  [M in MethodName<S>]: Field<S, M, 'kind'> extends 'serverStream'
    ? (request: Request<S, M>, context: CallContext) => AsyncIterable<ResponseInput<S, M>>
    : (request: Request<S, M>, context: CallContext) => Promise<ResponseInput<S, M>>;
};

/** What calls a service: one function for each method, under the name that the proto gives it. */
export type Client<S extends ServiceName> = {
  /** @throws RpcError */
  readonly [M in MethodName<S>]: Field<S, M, 'kind'> extends 'serverStream'
    ? (request: RequestInput<S, M>, options: ClientCallOptions) => AsyncIterable<Response<S, M>>
    : (request: RequestInput<S, M>, options: ClientCallOptions) => Promise<Response<S, M>>;
} & {
  /** Where the calls go. */
  readonly target: string;
  /** Gives up this client's share of the channel; the channel closes with its last client. Calls under way go on. */
  close(): void;
};
