/** Reconciles one RewardService: makes its objects match the spec, and reports them in the status. */
import { retryDelayMs } from '@gapo/rpc';
import { canonicalJson, isExpected, type Logger } from '@gapo/service';
import { changing, codeOf, reasonOf } from '../kubernetes/calls.js';
import { rewardServiceKind, type Cluster } from '../kubernetes/cluster.js';
import type { Follower } from '../kubernetes/followAll.js';
import { ownedKinds, type AppliedObject, type FoundObject, type OwnedKind } from '../kubernetes/ownedObjects.js';
import { Passes } from '../kubernetes/passes.js';
import { isOlder } from '../resource/metadata.js';
import { sourceOf, type RewardService, type RewardServiceStatus } from '../resource/rewardService.js';
import { addressOf, objectsOf, ownerLabel } from './objects.js';
import type { RewardRegistry } from './registry.js';
import { rewardStatusOf, type RewardObserved, type RewardProblem } from './status.js';
import { filled, type RewardTemplates } from './templates.js';

/** What followers share. */
export interface RewardContext {
  readonly cluster: Cluster;
  readonly templates: RewardTemplates;
  readonly registry: RewardRegistry;
  /** The reporter of events. */
  readonly identity: string;
  readonly log: Logger;
}

/** Time after which everything is checked again if there was no news. */
const resyncMs = 300_000;
/** Minimum time between passes, because a Deployment changes often during a rollout. */
const leastMs = 500;
const retry = { baseDelayMs: 1000, maxDelayMs: 60_000 };

/** Follows one RewardService until it is gone. */
export class RewardFollower implements Follower<RewardService> {
  readonly #context: RewardContext;
  readonly #passes = new Passes(leastMs);
  readonly #following: Promise<void>;
  #resource: RewardService;
  #failures = 0;
  #isGone = false;

  constructor(context: RewardContext, resource: RewardService) {
    this.#context = context;
    this.#resource = resource;
    context.registry.set(resource);
    this.#following = this.#passes.run(() => this.#passOrRetry());
  }

  /** The name of its RewardService. */
  get name(): string {
    return this.#resource.metadata.name;
  }

  /** Takes a newer version of the resource. */
  offer(resource: RewardService): void {
    if (isOlder(resource, this.#resource)) return;
    const isOther = resource.metadata.generation !== this.#resource.metadata.generation;
    this.#take(resource);
    if (isOther) this.#passes.within(0);
  }

  /** Schedules a check of the objects because one of them has changed. */
  look(): void {
    this.#passes.within(0);
  }

  async stop(isGone: boolean): Promise<void> {
    this.#isGone ||= isGone;
    if (isGone) this.#context.registry.delete(this.#resource);
    this.#passes.stop();
    await this.#following;
  }

  #take(resource: RewardService): void {
    this.#resource = resource;
    if (!this.#isGone) this.#context.registry.set(resource);
  }

  /** Makes a pass. Returns the milliseconds until the next one is due at the latest. */
  async #passOrRetry(): Promise<number> {
    try {
      const { problem } = await this.#pass();
      this.#failures = problem === undefined ? 0 : this.#failures + 1;
      return problem === undefined ? resyncMs : retryDelayMs(retry, this.#failures);
    } catch (error) {
      this.#failures += 1;
      this.#context.log.warn(`RewardService ${this.name}: ${reasonOf(error)}`);
      return retryDelayMs(retry, this.#failures);
    }
  }

  async #pass(): Promise<Pick<RewardObserved, 'problem'>> {
    const { metadata, spec } = this.#resource;
    // Its objects are deleted with it.
    if (this.#isGone || metadata.deletionTimestamp !== undefined) return { problem: undefined };
    const found = await this.#found();
    const { deployment, problem } = await this.#make(found);
    const { templates } = this.#context;
    const own = filled(templates.hosted.deployment.spec.selector.matchLabels, { name: metadata.name });
    const observed: RewardObserved = {
      address: addressOf(this.#resource, templates),
      deployment: sourceOf(spec) === 'endpoint' ? undefined : deployment,
      problem,
      selector: Object.entries(own).map((pair) => pair.join('=')).join(','), // prettier-ignore
    };
    await this.#writeStatus(observed);
    return { problem };
  }

  /** Reads the objects with the names of this service's objects. */
  async #found(): Promise<ReadonlyMap<OwnedKind, FoundObject>> {
    const { cluster, templates } = this.#context;
    const { name } = this.#resource.metadata;
    const found = new Map<OwnedKind, FoundObject>();
    for (const kind of ownedKinds) {
      const { metadata } = filled(kind === 'Service' ? templates.hosted.service : templates.hosted.deployment, {
        name,
      });
      const object = await cluster.owned.read(kind, metadata.namespace, metadata.name);
      if (object !== undefined) found.set(kind, object);
    }
    return found;
  }

  /**
   * Applies the objects and removes those that the spec does not need. What the API server refuses becomes a problem and is
   * retried.
   */
  async #make(
    found: ReadonlyMap<OwnedKind, FoundObject>,
  ): Promise<{ readonly deployment: FoundObject | undefined; readonly problem: RewardProblem | undefined }> {
    const { cluster, templates } = this.#context;
    const { namespace } = this.#resource.metadata;
    let deployment = found.get('Deployment');
    const failed = (problem: RewardProblem) => ({
      deployment: this.#owns(deployment) ? deployment : undefined,
      problem,
    });
    let objects: AppliedObject[];
    try {
      objects = objectsOf(this.#resource, templates);
    } catch (error) {
      if (!isExpected(error)) throw error;
      return failed({ reason: 'InvalidSpec', message: reasonOf(error) });
    }
    const wanted = new Set(objects.map(({ kind }) => kind));
    for (const [kind, object] of found) {
      if (wanted.has(kind) && !this.#owns(object)) return failed(nameTaken(kind, object));
      if (!wanted.has(kind) && this.#owns(object)) await cluster.owned.remove(kind, namespace, object);
    }
    for (const object of objects) {
      try {
        const applied = await cluster.owned.apply(object);
        if (object.kind === 'Deployment') deployment = applied;
      } catch (error) {
        const code = codeOf(error);
        if (code === undefined || code >= 500 || code === 429) throw error;
        return failed({ reason: 'NotApplied', message: `${object.kind} ${object.metadata.name}: ${reasonOf(error)}` });
      }
    }
    return { deployment, problem: undefined };
  }

  /** Whether an object was created for this resource. */
  #owns(object: FoundObject | undefined): boolean {
    const { uid } = this.#resource.metadata;
    return object?.metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.controller === true) ?? false;
  }

  /** Writes the status if it has changed, and reports a change of availability as an event. */
  async #writeStatus(observed: RewardObserved): Promise<void> {
    if (this.#isGone) return;
    const written = await changing(
      async () => {
        const before = this.#resource.status;
        const after = rewardStatusOf(this.#resource, observed, new Date());
        if (before !== undefined && canonicalJson(before) === canonicalJson(after)) return undefined;
        this.#take(await this.#context.cluster.writeStatus(rewardServiceKind, this.#resource, after));
        return { before, after };
      },
      () => this.#read(),
    );
    if (written !== undefined) await this.#report(written.before, written.after);
  }

  /** Reads the resource again. Returns whether it still exists. */
  async #read(): Promise<boolean> {
    const read = await this.#context.cluster.readAgain(rewardServiceKind, this.#resource);
    if (read === undefined) this.#isGone = true;
    else this.#take(read);
    return !this.#isGone;
  }

  async #report(before: RewardServiceStatus | undefined, after: RewardServiceStatus): Promise<void> {
    for (const now of after.conditions ?? []) {
      const was = before?.conditions?.find(({ type }) => type === now.type);
      const isNew = was?.status !== now.status || was.reason !== now.reason;
      if (!isNew || (now.type === 'Available' && now.status === 'False' && was === undefined)) continue;
      const reason = now.type === 'Available' ? (now.status === 'True' ? 'Available' : 'Unavailable') : now.reason;
      const isNormal = now.status === 'True' || now.reason === 'Progressing';
      const event = { type: isNormal ? ('Normal' as const) : ('Warning' as const), reason, message: now.message };
      try {
        await this.#context.cluster.report(rewardServiceKind, this.#resource, event, this.#context.identity);
      } catch (error) {
        this.#context.log.warn(`RewardService ${this.name}: the event ${reason} was not written: ${reasonOf(error)}`);
      }
    }
  }
}

function nameTaken(kind: OwnedKind, { metadata: { name } }: FoundObject): RewardProblem {
  return {
    reason: 'NameTaken',
    message: `${kind} ${name} exists and was not made for this RewardService, such as for an entry of the release's rewards (label ${ownerLabel}): use another name, or remove it`,
  };
}
