/**
 * Leader election among several operators, with a Lease. The leader renews it; a leader that fails to renew for too long steps down
 * before anyone else may lead. Clocks of different machines are not compared: a candidate waits for the full duration of the lease, on
 * its own clock, after it has seen the last renewal.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@gapo/service';
import { V1MicroTime, type V1Lease } from '@kubernetes/client-node';
import { codeOf, reasonOf, withDeadline } from './calls.js';
import type { Cluster } from './cluster.js';

/** The contested lease. */
export interface LeaseOptions {
  readonly namespace: string;
  readonly name: string;
  /** Identifies this candidate; must be unique. */
  readonly identity: string;
  /** How long a leader that does not renew it remains the leader. */
  readonly seconds: number;
}

/** Number of renewals per duration of the lease. */
const renewals = 5;
/** Share of the duration after which a leader that cannot renew steps down. */
const renewWithin = 2 / 3;

/** A candidate. */
export class Leadership {
  readonly #cluster: Cluster;
  readonly #options: LeaseOptions;
  readonly #log: Logger;
  #found: () => void = () => undefined;
  /** Resolves once the API server has answered about the lease. Before that, this candidate can do nothing. */
  readonly answered = new Promise<void>((resolve) => (this.#found = resolve));
  /** The last observed renewal by another leader, and when it was seen. */
  #seen: { readonly key: string; readonly at: number } | undefined;

  constructor(cluster: Cluster, options: LeaseOptions, log: Logger) {
    this.#cluster = cluster;
    this.#options = options;
    this.#log = log;
  }

  /**
   * Leads whenever this candidate is elected, until the signal aborts; then releases the lease.
   *
   * @param lead works until its signal aborts because the lease is lost or the process is ending
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
      // Another candidate was faster.
      if (codeOf(error) !== 409) this.#log.warn(`the lease ${this.#options.name}: ${reasonOf(error)}`);
      return false;
    }
  }

  /** Whether nobody has renewed the lease for its full duration since this candidate first saw it in this state. */
  #isOver({ spec }: V1Lease): boolean {
    // The client returns lease times as strings, whatever their type says.
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

  /** Lets another candidate take over immediately. */
  async #release(): Promise<void> {
    try {
      const lease = await this.#read();
      if (lease?.spec?.holderIdentity !== this.#options.identity) return;
      const { name, namespace } = this.#options;
      const body = { ...lease, spec: { ...lease.spec, holderIdentity: '' } };
      await this.#cluster.leases.replaceNamespacedLease({ name, namespace, body }, withDeadline());
    } catch (error) {
      this.#log.warn(`the lease ${this.#options.name} was not released: ${reasonOf(error)}`);
    }
  }
}
