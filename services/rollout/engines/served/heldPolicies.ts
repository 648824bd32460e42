/** The policy versions that this process has loaded into one server. */
import type { ServedPolicy } from './protocols/protocol.js';

/** Tracks the policies of one server. */
export interface HeldPolicies {
  /**
   * Runs a function while the server has a policy. @throws the error of loading it into the server
   */
  readonly using: <T>(policy: ServedPolicy, fn: () => Promise<T>) => Promise<T>;
  /** Whether the server has a policy or is loading it. */
  readonly has: (name: string) => boolean;
  /**
   * Makes policies be loaded again before their next use, because the server may have lost them.
   */
  readonly doubt: () => void;
  /** Releases all policies. Never rejects. */
  readonly close: () => Promise<void>;
}
