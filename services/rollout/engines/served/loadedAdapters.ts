/** The adapters of one server: loaded on first use, least recently used unloaded first. */
import { messageOf } from '@gapo/rpc';
import type { Logger } from '@gapo/service';
import type { HeldPolicies } from './heldPolicies.js';
import type { ServedPolicy } from './protocols/protocol.js';

/** How adapters are loaded and unloaded. */
export interface AdapterCalls {
  readonly load: (adapter: ServedPolicy) => Promise<void>;
  readonly unload: (name: string) => Promise<void>;
  /** Observes that an adapter was unloaded. */
  readonly unloaded: (name: string) => void;
  readonly log: Logger;
}

interface Entry {
  /** Undefined if the server may have lost it. */
  loaded: Promise<void> | undefined;
  users: number;
}

/** The adapters that this process has loaded into a server. */
export class LoadedAdapters implements HeldPolicies {
  readonly #most: number;
  readonly #calls: AdapterCalls;
  /** By name, least recently used first. */
  readonly #entries = new Map<string, Entry>();

  /** @param most maximum number of adapters kept; more may be in use */
  constructor(most: number, calls: AdapterCalls) {
    this.#most = most;
    this.#calls = calls;
  }

  async using<T>(adapter: ServedPolicy, fn: () => Promise<T>): Promise<T> {
    const { name } = adapter;
    const entry = this.#entries.get(name) ?? { loaded: undefined, users: 0 };
    entry.loaded ??= this.#load(adapter, entry);
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    entry.users += 1;
    try {
      await entry.loaded;
      return await fn();
    } finally {
      entry.users -= 1;
    }
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  doubt(): void {
    for (const entry of this.#entries.values()) entry.loaded = undefined;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#entries.keys()].map((name) => this.#unload(name)));
  }

  #load(adapter: ServedPolicy, entry: Entry): Promise<void> {
    const loaded = this.#makeRoom(adapter.name).then(() => this.#calls.load(adapter));
    loaded.catch(() => {
      if (entry.loaded === loaded) entry.loaded = undefined;
    });
    return loaded;
  }

  async #makeRoom(forAdapter: string): Promise<void> {
    const others = [...this.#entries].filter(([name]) => name !== forAdapter);
    const idle = others.filter(([, { users }]) => users === 0).map(([name]) => name);
    const surplus = Math.max(0, others.length + 1 - this.#most);
    await Promise.all(idle.slice(0, surplus).map((name) => this.#unload(name)));
  }

  async #unload(name: string): Promise<void> {
    this.#entries.delete(name);
    try {
      await this.#calls.unload(name);
    } catch (error) {
      this.#calls.log.warn(`adapter ${name} could not be unloaded: ${messageOf(error)}`);
    }
    this.#calls.unloaded(name);
  }
}
