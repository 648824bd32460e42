/** gapo.worker.v1: a worker's identity, and the refusal of work meant for another process. */
import { implement, ownProtocol, RpcError, type IdentifyResponseInput, type Implementation } from '@gapo/rpc';
import { readBuild } from './build.js';
import type { Environment } from './environment.js';

/** A worker's identity. */
export type WorkerIdentity = Required<IdentifyResponseInput>;

/**
 * Returns the identity of this process.
 *
 * @param instance identifies the process
 * @param module a compiled module of the worker's package
 * @param environmentOf returns what affects the last bits of its numbers, given the name and version of the tensor
 * runtime
 */
export async function ownIdentity(
  instance: string,
  module: URL,
  environmentOf: (runtime: string) => Promise<Environment>,
): Promise<WorkerIdentity> {
  const { sha256, runtime } = await readBuild(module);
  const protocol = ownProtocol();
  return {
    instance,
    ...protocol,
    build: `${protocol.version}+${sha256.slice(0, 12)}`,
    environment: await environmentOf(runtime),
  };
}

/**
 * Serves a worker's identity, and its services for this instance only.
 *
 * @param identity called for each request, so that reading the build does not delay start-up
 */
export function identified(
  services: readonly Implementation[],
  instance: string,
  identity: () => Promise<WorkerIdentity>,
): readonly Implementation[] {
  const identify = implement('gapo.worker.v1.WorkerService', { Identify: identity });
  return [identify, ...services.map((service) => forInstance(service, instance))];
}

/** Wraps a service so that it refuses requests naming another instance. */
function forInstance(service: Implementation, instance: string): Implementation {
  const handlers = [...service.handlers].map(([method, handler]) => {
    const guarded: typeof handler = (request, context) => {
      const { instance: meant = '' } = request as { readonly instance?: string };
      if (meant === '' || meant === instance) return handler(request, context);
      throw new RpcError('ABORTED', 'the worker was restarted since it was identified; identify it again, then retry');
    };
    return [method, guarded] as const;
  });
  return { ...service, handlers: new Map(handlers) };
}
