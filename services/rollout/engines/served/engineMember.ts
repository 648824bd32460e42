/** One server of an engine: its properties and health, the policies that it has, and its requests in progress. */
import { RequestFailure, type HttpClient, type RequestLimits } from '@gapo/http';
import { untilAborted } from '@gapo/rpc';
import { Slots, type Logger } from '@gapo/service';
import type { HeldPolicies } from './heldPolicies.js';
import { LoadedAdapters } from './loadedAdapters.js';
import { overloadWaitMs } from './overload.js';
import { loadAdapter, unloadAdapter } from './protocols/adapters.js';
import type {
  CompletionRequest,
  EngineFacts,
  EngineProtocol,
  Expected,
  PolicyKind,
  ServedCompletion,
  ServedPolicy,
} from './protocols/protocol.js';
import { ReplacedWeights } from './replacedWeights.js';

/** Limits on the use of a server. */
export interface MemberLimits extends Expected {
  /** Maximum number of requests in progress; others wait. */
  readonly concurrency: number;
  /** Milliseconds for one completion. */
  readonly timeoutMs: number;
  /** Milliseconds without a response to a health check after which requests in progress are abandoned. */
  readonly leaseMs: number;
}

/**
 * Unanswered health checks after which requests are abandoned. A single one may be due to a connection being renewed.
 */
const missedChecks = 2;

/** A server. */
export class EngineMember {
  readonly server: HttpClient;
  readonly #protocol: EngineProtocol;
  readonly #limits: MemberLimits;
  readonly #policies: Readonly<Record<PolicyKind, HeldPolicies>>;
  readonly #slots: Slots;
  readonly #closing = new AbortController();
  readonly #running = new Set<AbortController>();
  #facts: Promise<EngineFacts> | undefined;
  #watch: NodeJS.Timeout | undefined;

  /** @param unloaded observes that the server no longer has a policy */
  constructor(
    protocol: EngineProtocol,
    server: HttpClient,
    limits: MemberLimits,
    log: Logger,
    unloaded: (name: string) => void,
  ) {
    this.server = server;
    this.#protocol = protocol;
    this.#limits = limits;
    this.#slots = new Slots(limits.concurrency);
    const weights = new ReplacedWeights({
      replace: (policy) => protocol.replaceWeights(server, policy, this.#long),
      unloaded,
    });
    this.#policies = {
      adapter: new LoadedAdapters(limits.adapters, {
        load: (adapter) => loadAdapter(protocol, server, adapter, this.#long),
        unload: (name) => unloadAdapter(protocol, server, name, this.#short),
        unloaded,
        log,
      }),
      weights,
      tiedWeights: weights,
    };
  }

  /** Requests in progress and those that wait. */
  get load(): number {
    return this.#slots.load;
  }

  /** Whether the server has a policy or is loading it. */
  has(name: string): boolean {
    return Object.values(this.#policies).some((held) => held.has(name));
  }

  /** Returns the server's properties. They are requested once, and again after a failure. @throws RequestFailure */
  facts(): Promise<EngineFacts> {
    if (this.#facts === undefined) {
      const asked = this.#ask();
      this.#facts = asked;
      asked.catch(() => {
        if (this.#facts === asked) this.#facts = undefined;
      });
    }
    return this.#facts;
  }

  /** Resolves if the server can serve. @throws RequestFailure */
  async checkHealth(): Promise<void> {
    await this.#protocol.checkHealth(this.server, this.#short);
  }

  /**
   * Makes a request for a completion of a policy. At most a number of requests run at a time; others wait.
   *
   * @param run makes the request, once the server has the policy, with the function passed to it
   * @throws RequestFailure; the signal's reason once it aborts
   */
  async complete<T>(
    policy: ServedPolicy,
    signal: AbortSignal,
    run: (call: (request: CompletionRequest) => Promise<ServedCompletion>) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.#slots.run(signal, () =>
        this.#watched(signal, async (ending) => {
          const facts = await untilAborted(this.facts(), ending);
          const refusal = facts.refused[policy.kind];
          if (refusal !== undefined) throw new RequestFailure(`${this.server.name} ${refusal}`);
          const limits = { signal: ending, timeoutMs: this.#limits.timeoutMs };
          const call = async (request: CompletionRequest): Promise<ServedCompletion> => {
            this.#requireRoom(facts, request);
            return this.#protocol.complete(this.server, facts, request, limits);
          };
          return untilAborted(
            this.#policies[policy.kind].using(policy, () => run(call)),
            ending,
          );
        }),
      );
    } catch (error) {
      if (error instanceof RequestFailure && !signal.aborted) this.#doubt(error);
      throw error;
    }
  }

  /** Unloads the adapters and closes the connections. */
  async close(): Promise<void> {
    await Promise.all(Object.values(this.#policies).map((held) => held.close()));
    this.#closing.abort(new RequestFailure('the worker is stopping'));
    clearInterval(this.#watch);
    await this.server.close();
  }

  /** @throws RequestFailure if the server's context is shorter than the completion may need */
  #requireRoom({ context = Infinity }: EngineFacts, { promptIds, maxTokens }: CompletionRequest): void {
    const most = promptIds.length + maxTokens;
    if (most <= context) return;
    throw new RequestFailure(
      `${this.server.name} has a context of ${context} tokens, and a completion may need ${most}; start it with a longer one, or reduce ` +
        'rollout.maxNewTokens',
    );
  }

  /** A failed server may have restarted: its properties are requested again, and its policies loaded again. */
  #doubt(failure: RequestFailure): void {
    if (overloadWaitMs(failure) !== undefined) return; // it is alive
    this.#facts = undefined;
    for (const held of Object.values(this.#policies)) held.doubt();
  }

  /** @throws RequestFailure, retryable, because a server with wrong options can be restarted with others */
  async #ask(): Promise<EngineFacts> {
    try {
      await this.checkHealth();
      return await this.#protocol.describe(this.server, this.#limits, this.#long);
    } catch (error) {
      throw error instanceof RequestFailure ? error.with({ retryable: true }) : error;
    }
  }

  /** Runs a request. While any request is in progress, the server's health is monitored. */
  async #watched<T>(signal: AbortSignal, run: (ending: AbortSignal) => Promise<T>): Promise<T> {
    const ending = new AbortController();
    const cancel = (): void => ending.abort(signal.reason);
    signal.addEventListener('abort', cancel, { once: true });
    this.#running.add(ending);
    this.#watch ??= this.#startWatch();
    try {
      signal.throwIfAborted();
      return await run(ending.signal);
    } finally {
      signal.removeEventListener('abort', cancel);
      this.#running.delete(ending);
      if (this.#running.size === 0) {
        clearInterval(this.#watch);
        this.#watch = undefined;
      }
    }
  }

  #startWatch(): NodeJS.Timeout {
    let [asking, missed] = [false, 0];
    const ask = async (): Promise<void> => {
      asking = true;
      try {
        await this.checkHealth();
        missed = 0;
      } catch (error) {
        if (++missed < missedChecks) return;
        missed = 0;
        for (const each of this.#running) each.abort(error);
      } finally {
        asking = false;
      }
    };
    const timer = setInterval(() => {
      if (!asking) void ask();
    }, this.#limits.leaseMs / 4);
    return timer;
  }

  get #short(): RequestLimits {
    return { signal: this.#closing.signal, timeoutMs: this.#limits.leaseMs / 2 };
  }

  get #long(): RequestLimits {
    return { signal: this.#closing.signal, timeoutMs: this.#limits.timeoutMs };
  }
}
