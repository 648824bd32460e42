/**
 * The weights of one server: one version at a time. Requests for another version wait until those before them have
 * ended.
 */
import type { HeldPolicies } from './heldPolicies.js';
import type { ServedPolicy } from './protocols/protocol.js';

/** How weights are replaced. */
export interface WeightCalls {
  /** Replaces the weights unless the server already has them. */
  readonly replace: (weights: ServedPolicy) => Promise<void>;
  /** Called when these weights have been replaced by others. */
  readonly unloaded: (name: string) => void;
}

/** Successive requests for one version. */
interface Turn {
  readonly name: string;
  /** Resolves once the previous turns have ended. */
  readonly begins: Promise<void>;
  /** Undefined if the server may have lost the weights. */
  loaded: Promise<void> | undefined;
  users: number;
  /** Called when the last request of a closed turn has ended. */
  ended: () => void;
}

/** The weights that this process has loaded into a server. */
export class ReplacedWeights implements HeldPolicies {
  readonly #calls: WeightCalls;
  /** The turn in progress and those waiting for it. New requests join the last one or begin another. */
  readonly #turns: Turn[] = [];
  #replacing: Promise<void> = Promise.resolve();

  constructor(calls: WeightCalls) {
    this.#calls = calls;
  }

  async using<T>(weights: ServedPolicy, fn: () => Promise<T>): Promise<T> {
    const turn = this.#turnOf(weights.name);
    turn.users += 1;
    try {
      await turn.begins;
      turn.loaded ??= this.#replace(weights, turn);
      await turn.loaded;
      return await fn();
    } finally {
      turn.users -= 1;
      if (turn.users === 0 && turn !== this.#turns.at(-1)) turn.ended();
    }
  }

  has(name: string): boolean {
    return this.#turns.some((turn) => turn.name === name);
  }

  doubt(): void {
    for (const turn of this.#turns) turn.loaded = undefined;
  }

  async close(): Promise<void> {
    const names = new Set(this.#turns.splice(0).map(({ name }) => name));
    for (const name of names) this.#calls.unloaded(name);
  }

  /** Returns the turn that a request joins. */
  #turnOf(name: string): Turn {
    const last = this.#turns.at(-1);
    if (last?.name === name) return last;
    const begins = last === undefined ? Promise.resolve() : this.#after(last);
    const turn: Turn = { name, begins, loaded: undefined, users: 0, ended: () => undefined };
    this.#turns.push(turn);
    return turn;
  }

  /** Closes a turn to new requests. Resolves once it has ended. */
  #after(turn: Turn): Promise<void> {
    if (turn.users === 0) return Promise.resolve();
    return new Promise((resolve) => (turn.ended = resolve));
  }

  async #replace(weights: ServedPolicy, turn: Turn): Promise<void> {
    // After a doubt, the previous replacement may still be in progress.
    const replaced = this.#replacing.then(() => this.#calls.replace(weights));
    this.#replacing = replaced.catch(() => undefined);
    try {
      await replaced;
    } catch (error) {
      turn.loaded = undefined;
      throw error;
    }
    const before = this.#turns.splice(0, this.#turns.indexOf(turn));
    for (const { name } of before) if (!this.has(name)) this.#calls.unloaded(name);
  }
}
