/**
 * The election of one leader among several operators, by a Lease. A leader renews it; one that could not for too long steps down before
 * anyone else may lead. Clocks of machines are not compared: a candidate waits for the whole duration of the lease after it has seen the
 * last renewal, on its own clock.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@gapo/service';
import { V1MicroTime, type V1Lease } from '@kubernetes/client-node';
import { codeOf, reasonOf, withDeadline } from './calls.js';
import type { Cluster } from './cluster.js';

/** The lease that is fought for. */
export interface LeaseOptions {
  readonly namespace: string;
  readonly name: string;
  /** This candidate; no other has the same. */
  readonly identity: string;
  /** How long a leader that does not renew it stays the leader. */
  readonly seconds: number;
}

/** A leader renews its lease this many times in its duration. */
const renewals = 5;
/** Share of the duration after which a leader that cannot renew steps down. */
const renewWithin = 2 / 3;

/** A candidate. */
export class Leadership {
  readonly #cluster: Cluster;
  readonly #options: LeaseOptions;
  readonly #log: Logger;
  #found: () => void = () => undefined;
  /** Resolves when the API server has answered about the lease: before that, this candidate can do nothing. */
  readonly answered = new Promise<void>((resolve) => (this.#found = resolve));
  /** The last renewal that was seen of another leader, and when. */
  #seen: { readonly key: string; readonly at: number } | undefined;

  constructor(cluster: Cluster, options: LeaseOptions, log: Logger) {
    this.#cluster = cluster;
    this.#options = options;
    this.#log = log;
  }

  /**
   * Leads whenever this candidate is elected, until the signal aborts; then gives the lease back.
   *
   * @param lead works until its signal aborts: the lease is lost, or the process ends
   */
  async run(lead: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const pauseMs = (this.#options.seconds * 1000) / renewals;
    let isWaiting = false;
    while (!signal.aborted) {
      if (!(await this.#try())) {
        const isLed = this.#seen !== undefined;
        if (isLed && !isWaiting) this.#log.info({ lease: this.#options.name }, 'another operator leads');
        isWaiting = isLed;
        await delay(pauseMs, undefined, { signal }).catch(() => undefined);
        continue;
      }
      isWaiting = false;
      this.#log.info({ lease: this.#options.name, identity: this.#options.identity }, 'this operator leads');
      const lost = new AbortController();
      const working = lead(AbortSignal.any([signal, lost.signal]));
      await this.#hold(pauseMs, signal);
      if (!signal.aborted)
        this.#log.warn({ lease: this.#options.name }, 'the lease was lost: another operator may lead');
      lost.abort();
      await working;
      if (signal.aborted) await this.#release();
    }
  }

  /** Renews the lease until it is lost or the signal aborts. */
  async #hold(pauseMs: number, signal: AbortSignal): Promise<void> {
    let renewed = performance.now();
    while (!signal.aborted) {
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const started = performance.now();
      if (await this.#try()) renewed = started;
      else if (this.#seen !== undefined) return;
      if (performance.now() - renewed > this.#options.seconds * 1000 * renewWithin) return;
    }
  }

  /** Takes or renews the lease. Returns whether this candidate has it. */
  async #try(): Promise<boolean> {
    try {
      const lease = await this.#read();
      this.#found();
      if (lease === undefined) return await this.#create();
      const holder = lease.spec?.holderIdentity ?? '';
      const isMine = holder === this.#options.identity;
      if (!isMine && holder !== '' && !this.#isOver(lease)) return false;
      await this.#replace(lease, isMine);
      this.#seen = undefined;
      return true;
    } catch (error) {
      // Somebody else was faster.
      if (codeOf(error) !== 409) this.#log.warn(`the lease ${this.#options.name}: ${reasonOf(error)}`);
      return false;
    }
  }

  /** Whether nobody has renewed the lease for its duration, since this candidate saw it so. */
  #isOver({ spec }: V1Lease): boolean {
    // The client gives times of leases as texts, whatever their type says.
    const key = `${spec?.holderIdentity} ${String(spec?.renewTime)}`;
    if (this.#seen?.key !== key) this.#seen = { key, at: performance.now() };
    return performance.now() - this.#seen.at > (spec?.leaseDurationSeconds ?? this.#options.seconds) * 1000;
  }

  async #read(): Promise<V1Lease | undefined> {
    const { name, namespace } = this.#options;
    try {
      return await this.#cluster.leases.readNamespacedLease({ name, namespace }, withDeadline());
    } catch (error) {
      if (codeOf(error) === 404) return undefined;
      throw error;
    }
  }

  async #create(): Promise<boolean> {
    const { name, namespace, identity, seconds } = this.#options;
    const now = new V1MicroTime();
    const spec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(seconds),
      acquireTime: now,
      renewTime: now,
      leaseTransitions: 0,
    };
    await this.#cluster.leases.createNamespacedLease(
      { namespace, body: { metadata: { name, namespace }, spec } },
      withDeadline(),
    );
    return true;
  }

  async #replace(lease: V1Lease, isMine: boolean): Promise<void> {
    const { name, namespace, identity, seconds } = this.#options;
    const now = new V1MicroTime();
    const taken = { acquireTime: now, leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + 1 };
    const spec = {
      ...lease.spec,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(seconds),
      renewTime: now,
      ...(!isMine && taken),
    };
    await this.#cluster.leases.replaceNamespacedLease({ name, namespace, body: { ...lease, spec } }, withDeadline());
  }

  /** Lets another candidate lead at once. */
  async #release(): Promise<void> {
    try {
      const lease = await this.#read();
      if (lease?.spec?.holderIdentity !== this.#options.identity) return;
      const { name, namespace } = this.#options;
      const body = { ...lease, spec: { ...lease.spec, holderIdentity: '' } };
      await this.#cluster.leases.replaceNamespacedLease({ name, namespace, body }, withDeadline());
    } catch (error) {
      this.#log.warn(`the lease ${this.#options.name} was not given back: ${reasonOf(error)}`);
    }
  }
}
