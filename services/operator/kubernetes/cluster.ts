/** The Kubernetes API, as far as the operator uses it: TrainingRuns, their status and events. Every call has a deadline. */
import { UserError, z } from '@gapo/service';
import {
  ApiException,
  CoordinationV1Api,
  CustomObjectsApi,
  EventsV1Api,
  KubeConfig,
  setHeaderMiddleware,
  V1MicroTime,
  Watch,
} from '@kubernetes/client-node';
import { group, kind, plural, version } from '../resource/customResource.js';
import { trainingRun, type Status, type TrainingRun } from '../resource/trainingRun.js';

/** Deadline of a call. */
const callMs = 15_000;
/** How long the API server keeps a watch open. */
const watchSeconds = 240;
/** How much longer a watch may be silent before it is given up. */
const watchMarginMs = 20_000;
/** Objects in one answer to a list. */
const pageSize = 250;

/** Which TrainingRuns the operator is responsible for. */
export interface Scope {
  /** Their namespace; undefined: every one. */
  readonly namespace: string | undefined;
  /** Selects them by labels, as in `kubectl get -l`; undefined: all. */
  readonly labelSelector: string | undefined;
}

/** A change of a TrainingRun. */
export interface Change {
  readonly type: 'changed' | 'deleted';
  readonly object: TrainingRun;
}

/** What a list answers: the objects, and the version from which to watch. */
interface Listed {
  readonly objects: readonly TrainingRun[];
  readonly resourceVersion: string;
}

const listSchema = z.object({
  metadata: z.object({ resourceVersion: z.string(), continue: z.string().optional() }),
  items: z.array(z.unknown()),
});

const bookmark = z.object({ metadata: z.object({ resourceVersion: z.string() }) });

/** An event about a TrainingRun. */
export interface ReportedEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** Who reports events. */
const reporter = 'gapo.dev/operator';
/** The API server's limit for the text of an event. */
const longestNote = 1024;

/** The API of one cluster. */
export class Cluster {
  readonly #config: KubeConfig;
  readonly #objects: CustomObjectsApi;
  readonly #events: EventsV1Api;
  /** Leases, for the election of a leader. */
  readonly leases: CoordinationV1Api;
  /** The namespace of the pod or of the context. */
  readonly ownNamespace: string;

  constructor(config: KubeConfig) {
    this.#config = config;
    this.#objects = config.makeApiClient(CustomObjectsApi);
    this.#events = config.makeApiClient(EventsV1Api);
    this.leases = config.makeApiClient(CoordinationV1Api);
    this.ownNamespace = config.getContextObject(config.getCurrentContext())?.namespace ?? 'default';
  }

  /**
   * Opens the cluster of the pod, or that of a file.
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

  /** Returns all TrainingRuns of a scope. @throws ApiException */
  async list({ namespace, labelSelector }: Scope, log: (problem: string) => void): Promise<Listed> {
    const objects: TrainingRun[] = [];
    let next: string | undefined;
    for (;;) {
      const page = { limit: pageSize, ...(labelSelector && { labelSelector }), ...(next && { _continue: next }) };
      const answer: unknown = await (namespace === undefined
        ? this.#objects.listCustomObjectForAllNamespaces({ group, version, plural, ...page }, withDeadline())
        : this.#objects.listNamespacedCustomObject({ group, version, namespace, plural, ...page }, withDeadline()));
      const { metadata, items } = listSchema.parse(answer);
      objects.push(...items.flatMap((item) => readOr(item, log)));
      next = metadata.continue;
      if (next === undefined || next === '') return { objects, resourceVersion: metadata.resourceVersion };
    }
  }

  /**
   * Watches the TrainingRuns of a scope until the API server ends the watch.
   *
   * @returns the version from which to watch on
   * @throws Error if the watch breaks, or cannot continue from that version
   */
  async watch(
    { namespace, labelSelector }: Scope,
    resourceVersion: string,
    onChange: (change: Change) => void,
    options: { readonly signal: AbortSignal; readonly log: (problem: string) => void },
  ): Promise<string> {
    const { signal, log } = options;
    const within = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
    const path = `/apis/${group}/${version}${within}/${plural}`;
    const query = { resourceVersion, allowWatchBookmarks: true, timeoutSeconds: watchSeconds, labelSelector };
    let last = resourceVersion;
    const { promise: ended, resolve, reject } = withResolvers();
    const receive = (type: string, object: unknown): void => {
      if (type === 'ERROR') return reject(new Error(`the watch ended: ${JSON.stringify(object)}`));
      const at = bookmark.safeParse(object);
      if (at.success) last = at.data.metadata.resourceVersion;
      if (type === 'BOOKMARK') return;
      for (const read of readOr(object, log))
        onChange({ type: type === 'DELETED' ? 'deleted' : 'changed', object: read });
    };
    const opening = new Watch(this.#config).watch(path, query, receive, (error: unknown) =>
      error === null || error === undefined ? resolve() : reject(error),
    );
    const limit = AbortSignal.timeout(watchSeconds * 1000 + watchMarginMs);
    const stopping = AbortSignal.any([signal, limit]);
    const stop = (): void => reject(signal.aborted ? signal.reason : new Error('the watch was silent for too long'));
    stopping.addEventListener('abort', stop, { once: true });
    if (stopping.aborted) stop();
    try {
      await ended;
      return last;
    } finally {
      stopping.removeEventListener('abort', stop);
      void opening.then((request) => request.abort());
    }
  }

  /** Returns a TrainingRun; undefined if there is none. @throws ApiException */
  async read(namespace: string, name: string): Promise<TrainingRun | undefined> {
    try {
      const found: unknown = await this.#objects.getNamespacedCustomObject(
        { group, version, namespace, plural, name },
        withDeadline(),
      );
      return trainingRun.parse(found);
    } catch (error) {
      if (codeOf(error) === 404) return undefined;
      throw error;
    }
  }

  /** Replaces a TrainingRun's status. @throws ApiException 409 if the resource has changed since it was read */
  async writeStatus(resource: TrainingRun, status: Status): Promise<TrainingRun> {
    const { namespace, name } = resource.metadata;
    const written: unknown = await this.#objects.replaceNamespacedCustomObjectStatus(
      { group, version, namespace, plural, name, body: { ...resource, status } },
      withDeadline(),
    );
    return trainingRun.parse(written);
  }

  /** Replaces a TrainingRun's finalizers. @throws ApiException 409 if the resource has changed since it was read */
  async writeFinalizers(resource: TrainingRun, finalizers: readonly string[]): Promise<TrainingRun> {
    const { namespace, name, resourceVersion } = resource.metadata;
    const written: unknown = await this.#objects.patchNamespacedCustomObject(
      { group, version, namespace, plural, name, body: { metadata: { resourceVersion, finalizers } } },
      withDeadline('application/merge-patch+json'),
    );
    return trainingRun.parse(written);
  }

  /** Reports an event about a TrainingRun. @throws ApiException */
  async report({ metadata }: TrainingRun, event: ReportedEvent, instance: string): Promise<void> {
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

/** Returns the status code of an answer of the API server; undefined for any other error. */
export function codeOf(error: unknown): number | undefined {
  return error instanceof ApiException ? error.code : undefined;
}

const statusBody = z.object({ message: z.string() });

/** Returns what an error of a call says, in one line. */
export function reasonOf(error: unknown): string {
  if (error instanceof ApiException) {
    const body: unknown = error.body;
    const read = statusBody.safeParse(typeof body === 'string' ? parsed(body) : body);
    return `${error.code}${read.success ? ` ${read.data.message}` : ''}`;
  }
  return error instanceof Error ? error.message : String(error);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Options of a call that fails after {@link callMs}. */
export function withDeadline(contentType?: string) {
  const accept = setHeaderMiddleware('Accept', 'application/json');
  const content = contentType === undefined ? [] : [setHeaderMiddleware('Content-Type', contentType)];
  const deadline: typeof accept = {
    pre: (request) => {
      request.setSignal(AbortSignal.timeout(callMs));
      return accept.pre(request);
    },
    post: (response) => accept.post(response),
  };
  return { middleware: [deadline, ...content], middlewareMergeStrategy: 'append' as const };
}

/** Reads an object. One that does not fit, as of a later version of the resource, is left out and logged. */
function readOr(object: unknown, log: (problem: string) => void): TrainingRun[] {
  const read = trainingRun.safeParse(object);
  if (read.success) return [read.data];
  const named = z.object({ metadata: z.object({ namespace: z.string(), name: z.string() }) }).safeParse(object);
  const which = named.success ? `${named.data.metadata.namespace}/${named.data.metadata.name}` : 'without a name';
  log(`TrainingRun ${which} cannot be read: ${z.prettifyError(read.error)}`);
  return [];
}

/** Promise.withResolvers, which Node 20 lacks. */
function withResolvers(): {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
} {
  let [resolve, reject]: [() => void, (reason: unknown) => void] = [() => undefined, () => undefined];
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  // Whoever awaits it may have left.
  promise.catch(() => undefined);
  return { promise, resolve: () => resolve(), reject: (reason) => reject(reason) };
}
