/** Deployments and Services that the operator creates for its custom resources, with server-side apply. Every call has a deadline. */
import { z } from '@gapo/service';
import { AppsV1Api, CoreV1Api, type KubeConfig } from '@kubernetes/client-node';
import { ownerReference } from '../resource/metadata.js';
import { codeOf, withDeadline } from './calls.js';
import { watchObjects } from './watch.js';

/** The kinds of objects that the operator creates, in order of creation. */
export const ownedKinds = ['Service', 'Deployment'] as const;

/** See {@link ownedKinds}. */
export type OwnedKind = (typeof ownedKinds)[number];

/** An object to apply. */
export interface AppliedObject {
  readonly apiVersion: string;
  readonly kind: OwnedKind;
  readonly metadata: { readonly name: string; readonly namespace: string } & Readonly<Record<string, unknown>>;
  readonly spec: Readonly<Record<string, unknown>>;
}

const condition = z.object({ type: z.string(), status: z.string(), reason: z.string().optional(), message: z.string().optional() }); // prettier-ignore

const found = z.object({
  metadata: z.object({
    name: z.string(),
    uid: z.string(),
    generation: z.int().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    ownerReferences: z.array(ownerReference).optional(),
  }),
  spec: z.object({ replicas: z.int().optional() }).optional(),
  status: z
    .object({
      observedGeneration: z.int().optional(),
      replicas: z.int().optional(),
      updatedReplicas: z.int().optional(),
      readyReplicas: z.int().optional(),
      availableReplicas: z.int().optional(),
      conditions: z.array(condition).optional(),
    })
    .optional(),
});

/** The fields read from an object, such as a Deployment's status. */
export type FoundObject = z.output<typeof found>;

/** The manager that the API server records for applied fields. */
export const fieldManager = 'gapo-operator';

/** Objects of the two kinds in one cluster. */
export class OwnedObjects {
  readonly #config: KubeConfig;
  readonly #apps: AppsV1Api;
  readonly #core: CoreV1Api;

  constructor(config: KubeConfig) {
    this.#config = config;
    this.#apps = config.makeApiClient(AppsV1Api);
    this.#core = config.makeApiClient(CoreV1Api);
  }

  /** Returns an object; undefined if there is none. @throws ApiException */
  async read(kind: OwnedKind, namespace: string, name: string): Promise<FoundObject | undefined> {
    try {
      const request = { namespace, name };
      const answer: unknown = await (kind === 'Service'
        ? this.#core.readNamespacedService(request, withDeadline())
        : this.#apps.readNamespacedDeployment(request, withDeadline()));
      return found.parse(answer);
    } catch (error) {
      if (codeOf(error) === 404) return undefined;
      throw error;
    }
  }

  /**
   * Applies an object. Fields set by others and not given here stay as they are; fields that were given before but no longer are get removed.
   *
   * @throws ApiException if the API server refuses it
   */
  async apply(object: AppliedObject): Promise<FoundObject> {
    const { name, namespace } = object.metadata;
    const request = { name, namespace, body: object, fieldManager, force: true };
    const options = withDeadline('application/apply-patch+yaml');
    const answer: unknown = await (object.kind === 'Service'
      ? this.#core.patchNamespacedService(request, options)
      : this.#apps.patchNamespacedDeployment(request, options));
    return found.parse(answer);
  }

  /** Deletes the object with this uid, and its pods. @throws ApiException */
  async remove(kind: OwnedKind, namespace: string, { metadata: { name, uid } }: FoundObject): Promise<void> {
    const request = { name, namespace, propagationPolicy: 'Background', body: { preconditions: { uid } } };
    try {
      await (kind === 'Service'
        ? this.#core.deleteNamespacedService(request, withDeadline())
        : this.#apps.deleteNamespacedDeployment(request, withDeadline()));
    } catch (error) {
      if (codeOf(error) !== 404) throw error;
    }
  }

  /**
   * Watches the objects of a kind until the API server ends the watch. Existing objects come first.
   *
   * @throws Error if the watch breaks
   */
  async watch(
    kind: OwnedKind,
    { namespace, labelSelector }: { readonly namespace: string; readonly labelSelector: string },
    onChange: (object: FoundObject) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const within = `namespaces/${encodeURIComponent(namespace)}`;
    const path = kind === 'Service' ? `/api/v1/${within}/services` : `/apis/apps/v1/${within}/deployments`;
    const receive = (_: unknown, object: unknown): void => {
      const read = found.safeParse(object);
      if (read.success) onChange(read.data);
    };
    await watchObjects(this.#config, { path, labelSelector, resourceVersion: undefined }, receive, signal);
  }
}
