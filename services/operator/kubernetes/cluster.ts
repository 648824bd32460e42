/**
 * The parts of the Kubernetes API that the operator uses for its own resources: objects, their status and events. Every call has a deadline.
 */
import { UserError, z } from '@gapo/service';
import { CoordinationV1Api, CustomObjectsApi, EventsV1Api, KubeConfig, V1MicroTime } from '@kubernetes/client-node';
import type { Identified } from '../resource/metadata.js';
import { group, rewardServices, trainingRuns, version, type ResourceNames } from '../resource/names.js';
import { rewardService, type RewardService } from '../resource/rewardService.js';
import { trainingRun, type TrainingRun } from '../resource/trainingRun.js';
import { codeOf, withDeadline } from './calls.js';
import { OwnedObjects } from './ownedObjects.js';
import { watchObjects } from './watch.js';

/** Objects per page of a list. */
const pageSize = 250;

/** A kind of custom resource: its names, and how to parse its objects. */
export interface ResourceKind<T extends Identified> {
  readonly names: ResourceNames;
  readonly schema: z.ZodType<T>;
}

export const trainingRunKind: ResourceKind<TrainingRun> = { names: trainingRuns, schema: trainingRun };
export const rewardServiceKind: ResourceKind<RewardService> = { names: rewardServices, schema: rewardService };

/** Which objects the operator is responsible for. */
export interface Scope {
  /** Their namespace; undefined: every one. */
  readonly namespace: string | undefined;
  /** Selects them by labels, as in `kubectl get -l`; undefined: all. */
  readonly labelSelector: string | undefined;
}

/** A change of an object. */
export interface Change<T> {
  readonly type: 'changed' | 'deleted';
  readonly object: T;
}

/** The result of a list: the objects, and the version from which to watch. */
interface Listed<T> {
  readonly objects: readonly T[];
  readonly resourceVersion: string;
}

const listSchema = z.object({
  metadata: z.object({ resourceVersion: z.string(), continue: z.string().optional() }),
  items: z.array(z.unknown()),
});

/** An event about an object. */
export interface ReportedEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** The reporter of events. */
const reporter = 'gapo.dev/operator';
/** The API server's limit for the text of an event. */
const longestNote = 1024;

/** The API of one cluster. */
export class Cluster {
  readonly #config: KubeConfig;
  readonly #objects: CustomObjectsApi;
  readonly #events: EventsV1Api;
  /** Leases, for leader election. */
  readonly leases: CoordinationV1Api;
  /** The objects created by the operator: Deployments and Services. */
  readonly owned: OwnedObjects;
  /** The namespace of the pod or of the context. */
  readonly ownNamespace: string;

  constructor(config: KubeConfig) {
    this.#config = config;
    this.#objects = config.makeApiClient(CustomObjectsApi);
    this.#events = config.makeApiClient(EventsV1Api);
    this.leases = config.makeApiClient(CoordinationV1Api);
    this.owned = new OwnedObjects(config);
    this.ownNamespace = config.getContextObject(config.getCurrentContext())?.namespace ?? 'default';
  }

  /**
   * Opens the cluster in which the pod runs, or the one in a file.
   *
   * @param kubeconfig the file; undefined: the cluster that the process runs in
   * @throws UserError if there is neither, or the file cannot be read
   */
  static open(kubeconfig: string | undefined): Cluster {
    const config = new KubeConfig();
    if (kubeconfig === undefined) {
      if (process.env['KUBERNETES_SERVICE_HOST'] === undefined) {
        throw new UserError('KUBECONFIG: the operator does not run in a cluster: name the file of one');
      }
      config.loadFromCluster();
    } else {
      try {
        config.loadFromFile(kubeconfig);
      } catch (error) {
        throw new UserError(`KUBECONFIG: ${kubeconfig} cannot be read: ${(error as Error).message}`, { cause: error });
      }
    }
    if (config.getCurrentCluster() === null) throw new UserError(`KUBECONFIG: ${kubeconfig} has no current context`);
    return new Cluster(config);
  }

  /** Returns all objects of a scope. @throws ApiException */
  async list<T extends Identified>(
    kind: ResourceKind<T>,
    { namespace, labelSelector }: Scope,
    log: (problem: string) => void,
  ): Promise<Listed<T>> {
    const { plural } = kind.names;
    const objects: T[] = [];
    let next: string | undefined;
    for (;;) {
      const page = { limit: pageSize, ...(labelSelector && { labelSelector }), ...(next && { _continue: next }) };
      const answer: unknown = await (namespace === undefined
        ? this.#objects.listCustomObjectForAllNamespaces({ group, version, plural, ...page }, withDeadline())
        : this.#objects.listNamespacedCustomObject({ group, version, namespace, plural, ...page }, withDeadline()));
      const { metadata, items } = listSchema.parse(answer);
      objects.push(...items.flatMap((item) => readOr(kind, item, log)));
      next = metadata.continue;
      if (next === undefined || next === '') return { objects, resourceVersion: metadata.resourceVersion };
    }
  }

  /**
   * Watches the objects of a scope until the API server ends the watch.
   *
   * @returns the version from which to continue watching
   * @throws Error if the watch breaks, or cannot continue from that version
   */
  async watch<T extends Identified>(
    kind: ResourceKind<T>,
    { namespace, labelSelector }: Scope,
    resourceVersion: string,
    onChange: (change: Change<T>) => void,
    options: { readonly signal: AbortSignal; readonly log: (problem: string) => void },
  ): Promise<string> {
    const within = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
    const path = `/apis/${group}/${version}${within}/${kind.names.plural}`;
    const receive = (type: Change<T>['type'], given: unknown): void => {
      for (const object of readOr(kind, given, options.log)) onChange({ type, object });
    };
    return watchObjects(this.#config, { path, labelSelector, resourceVersion }, receive, options.signal);
  }

  /** Returns an object; undefined if there is none. @throws ApiException */
  async read<T extends Identified>(kind: ResourceKind<T>, namespace: string, name: string): Promise<T | undefined> {
    const { plural } = kind.names;
    try {
      const found: unknown = await this.#objects.getNamespacedCustomObject(
        { group, version, namespace, plural, name },
        withDeadline(),
      );
      return kind.schema.parse(found);
    } catch (error) {
      if (codeOf(error) === 404) return undefined;
      throw error;
    }
  }

  /** Reads an object again; undefined if it is gone, even if another one has its name. @throws ApiException */
  async readAgain<T extends Identified>(kind: ResourceKind<T>, { metadata }: T): Promise<T | undefined> {
    const read = await this.read(kind, metadata.namespace, metadata.name);
    return read?.metadata.uid === metadata.uid ? read : undefined;
  }

  /** Replaces an object's status. @throws ApiException 409 if the object has changed since it was read */
  async writeStatus<T extends Identified>(kind: ResourceKind<T>, object: T, status: object): Promise<T> {
    const { namespace, name } = object.metadata;
    const written: unknown = await this.#objects.replaceNamespacedCustomObjectStatus(
      { group, version, namespace, plural: kind.names.plural, name, body: { ...object, status } },
      withDeadline(),
    );
    return kind.schema.parse(written);
  }

  /** Replaces an object's finalizers. @throws ApiException 409 if the object has changed since it was read */
  async writeFinalizers<T extends Identified>(
    kind: ResourceKind<T>,
    object: T,
    finalizers: readonly string[],
  ): Promise<T> {
    const { namespace, name, resourceVersion } = object.metadata;
    const written: unknown = await this.#objects.patchNamespacedCustomObject(
      {
        group,
        version,
        namespace,
        plural: kind.names.plural,
        name,
        body: { metadata: { resourceVersion, finalizers } },
      },
      withDeadline('application/merge-patch+json'),
    );
    return kind.schema.parse(written);
  }

  /** Reports an event about an object. @throws ApiException */
  async report<T extends Identified>(
    { names: { kind } }: ResourceKind<T>,
    { metadata }: T,
    event: ReportedEvent,
    instance: string,
  ): Promise<void> {
    const { namespace, name, uid, resourceVersion } = metadata;
    await this.#events.createNamespacedEvent(
      {
        namespace,
        body: {
          metadata: { generateName: `${name}-`, namespace },
          eventTime: new V1MicroTime(),
          reportingController: reporter,
          reportingInstance: instance.slice(0, 128),
          action: 'Reconcile',
          reason: event.reason,
          type: event.type,
          note: event.message.slice(0, longestNote) || event.reason,
          regarding: { apiVersion: `${group}/${version}`, kind, namespace, name, uid, resourceVersion },
        },
      },
      withDeadline(),
    );
  }
}

/** Parses an object. An object that does not match, for example from a later version of the resource, is skipped and logged. */
function readOr<T extends Identified>(
  { names, schema }: ResourceKind<T>,
  object: unknown,
  log: (problem: string) => void,
): T[] {
  const read = schema.safeParse(object);
  if (read.success) return [read.data];
  const named = z.object({ metadata: z.object({ namespace: z.string(), name: z.string() }) }).safeParse(object);
  const which = named.success ? `${named.data.metadata.namespace}/${named.data.metadata.name}` : 'without a name';
  log(`${names.kind} ${which} cannot be read: ${z.prettifyError(read.error)}`);
  return [];
}
