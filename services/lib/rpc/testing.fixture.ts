/** `@gapo/rpc/testing`, for the tests of every package: the definitions of all messages and services of proto/, and partial services. */
import { serviceDefinition } from './definitions.js';
import { RpcError } from './error.js';
import { implement, type Implementation } from './handler.js';
import type { Handlers, ServiceName } from './services.js';

export { messageDefinition, packageDefinition } from './definitions.js';

/** Implements some methods of a service. The others respond UNIMPLEMENTED. */
export function implementSome<S extends ServiceName>(service: S, handlers: Partial<Handlers<S>>): Implementation {
  const unused = (): never => {
    throw new RpcError('UNIMPLEMENTED', 'the test is not about this method');
  };
  const methods = Object.keys(serviceDefinition(service));
  const all = { ...Object.fromEntries(methods.map((method) => [method, unused])), ...handlers };
  return implement(service, all as unknown as Handlers<S>);
}
