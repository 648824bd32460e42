/** The existing RewardServices, for the runs that name them. */
import { isTrue, type RewardService } from '../resource/rewardService.js';

/** The address of a RewardService for a run, or why it cannot be called. */
export type Resolved =
  | { readonly address: string }
  | {
      readonly reason: 'RewardServiceNotFound' | 'RewardServiceNotReady' | 'RewardServicesUnknown';
      readonly message: string;
    };

/** All RewardServices of the release, by name. */
export class RewardRegistry {
  readonly #services = new Map<string, RewardService>();
  readonly #listeners = new Set<() => void>();
  readonly #where: string;
  #isListed = false;

  /** @param where their namespace, for errors */
  constructor(where: string) {
    this.#where = where;
  }

  /** Records that every existing RewardService has been set. Before that, none is reported as missing. */
  listed(): void {
    if (this.#isListed) return;
    this.#isListed = true;
    this.#tell();
  }

  /** Adds a RewardService, or a newer version of it. */
  set(service: RewardService): void {
    const { name } = service.metadata;
    const before = this.resolve(name);
    this.#services.set(name, service);
    if (JSON.stringify(before) !== JSON.stringify(this.resolve(name))) this.#tell();
  }

  /** Forgets a RewardService unless another one has its name. */
  delete({ metadata: { name, uid } }: RewardService): void {
    if (this.#services.get(name)?.metadata.uid !== uid) return;
    this.#services.delete(name);
    this.#tell();
  }

  /** Returns the address of a RewardService, or why it cannot be called. */
  resolve(name: string): Resolved {
    const service = this.#services.get(name);
    if (service === undefined) {
      return this.#isListed
        ? {
            reason: 'RewardServiceNotFound',
            message: `there is no RewardService ${name} in namespace ${this.#where}: apply it, or correct the name`,
          }
        : { reason: 'RewardServicesUnknown', message: 'the RewardServices have not been read yet' };
    }
    const { address, conditions } = service.status ?? {};
    if (isTrue(service, 'Available') && address !== undefined) return { address };
    const why = conditions?.find(({ type }) => type === 'Available')?.message ?? 'it is new';
    return { reason: 'RewardServiceNotReady', message: `RewardService ${name} is not available: ${why}` };
  }

  /**
   * Calls back after each change of what {@link resolve} returns. Returns a function that removes the
   * listener.
   */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
