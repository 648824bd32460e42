/** gapo.worker.v1: what a worker is, and the refusal of work that is meant for another process. */
import { implement, ownProtocol, RpcError, type IdentifyResponseInput, type Implementation } from '@gapo/rpc';
import { readBuild } from './build.js';
import { ownEnvironment } from './environment.js';
import type { TensorThreadSettings } from './threadSettings.js';

/** A worker's identity. */
export type WorkerIdentity = Required<IdentifyResponseInput>;

/**
 * Returns the identity of this process.
 *
 * @param instance identifies the process
 * @param thread the compiled module of its tensor thread
 */
export async function ownIdentity(
  instance: string,
  thread: URL,
  settings: Pick<TensorThreadSettings, 'threads' | 'device'>,
): Promise<WorkerIdentity> {
  const { sha256, runtime } = await readBuild(thread);
  const protocol = ownProtocol();
  return {
    instance,
    ...protocol,
    build: `${protocol.version}+${sha256.slice(0, 12)}`,
    environment: await ownEnvironment(settings, runtime),
  };
}

/**
 * Serves a worker's services, each for this instance only, and its identity.
 *
 * @param identity answers wait for it, so that reading the build does not delay the start
 */
export function identified(
  services: readonly Implementation[],
  instance: string,
  identity: Promise<WorkerIdentity>,
): readonly Implementation[] {
  const identify = implement('gapo.worker.v1.WorkerService', { Identify: () => identity });
  return [identify, ...services.map((service) => forInstance(service, instance))];
}

/** Returns the same service, which refuses requests that name another instance. */
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
