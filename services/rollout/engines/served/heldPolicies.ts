/** The policy versions that one server has, as far as this process gave them to it. */
import type { ServedPolicy } from './protocols/protocol.js';

/** Keeps track of them. */
export interface HeldPolicies {
  /** Runs a function while the server has a policy. @throws what giving it to the server throws */
  readonly using: <T>(policy: ServedPolicy, fn: () => Promise<T>) => Promise<T>;
  /** Whether the server has a policy, or gets it. */
  readonly has: (name: string) => boolean;
  /** Gives policies to the server again before their next use: it may have lost them. */
  readonly doubt: () => void;
  /** Gives up all. Never rejects. */
  readonly close: () => Promise<void>;
}
