/** How gapo speaks to one kind of engine. A kind is one file here and one line in the registry. */
import type { HttpClient, RequestFailure, RequestLimits } from '@gapo/http';
import type { SamplingOptions } from '@gapo/policy';

/** What a server is expected to have. */
export interface Expected {
  /** The name of the base model; undefined: the only one that it has. */
  readonly model: string | undefined;
  /** Adapters that are loaded at a time. */
  readonly adapters: number;
}

/** What a server is. */
export interface EngineFacts {
  /** The engine's version. */
  readonly version: string;
  /** The most tokens of a prompt with its completion; undefined if the server does not say. */
  readonly context: number | undefined;
  /** The path of its requests for completions, where there are several. */
  readonly route: string;
  /** The name of its base model. */
  readonly base: string;
  /** For each kind of policy that it does not take: what it cannot do, and how to start it so that it can. */
  readonly refused: Readonly<Partial<Record<PolicyKind, string>>>;
}

/**
 * An `adapter`, which a server loads beside others, or all `weights`, which replace those that it has; `tiedWeights` are those of a
 * model whose output projection is its embedding table.
 */
export type PolicyKind = 'adapter' | 'weights' | 'tiedWeights';

/** A policy version in a directory that the server sees. */
export interface ServedPolicy {
  readonly kind: PolicyKind;
  /** Differs between versions: a server's cache of prefixes belongs to the name. */
  readonly name: string;
  /** Its directory, as the server sees it. */
  readonly path: string;
}

/** A request for one completion. */
export interface CompletionRequest {
  /** Identifies it in the server's log. */
  readonly id: string;
  readonly policy: ServedPolicy;
  readonly promptIds: readonly number[];
  readonly temperature: number;
  readonly seed: number;
  readonly maxTokens: number;
  /** The tokens that end a completion; it includes them. */
  readonly endIds: readonly number[];
  /** Texts that end a completion; it includes the token that completes one. */
  readonly stop: readonly string[];
}

/** A completion, as a server returns it. */
export interface ServedCompletion {
  readonly ids: readonly number[];
  /** ln of each token's probability in softmax(logits / temperature), or softmax(logits) at temperature 0. */
  readonly logprobs: readonly number[];
}

/** The HTTP interface of an engine. */
export interface EngineProtocol {
  /** What messages and spans call the engine. */
  readonly name: 'vllm' | 'sglang';
  /** Options that the engine cannot apply as the contract asks: says which and why; undefined if it can apply all. */
  readonly refusal: (options: SamplingOptions) => string | undefined;
  /** Resolves if the server can serve. @throws RequestFailure */
  readonly checkHealth: (server: HttpClient, limits: RequestLimits) => Promise<void>;
  /**
   * Asks a server what it is, and checks that it was started with the options that gapo needs.
   *
   * @throws RequestFailure that names the option
   */
  readonly describe: (server: HttpClient, expected: Expected, limits: RequestLimits) => Promise<EngineFacts>;
  /** Loads an adapter. @throws RequestFailure, also if one of the name is loaded */
  readonly load: (server: HttpClient, adapter: ServedPolicy, limits: RequestLimits) => Promise<void>;
  /** Unloads an adapter. @throws RequestFailure, also if none of the name is loaded */
  readonly unload: (server: HttpClient, name: string, limits: RequestLimits) => Promise<void>;
  /**
   * Replaces all weights, unless the server has those of the name. Requests in progress end.
   *
   * @throws RequestFailure
   */
  readonly replaceWeights: (server: HttpClient, weights: ServedPolicy, limits: RequestLimits) => Promise<void>;
  /** Samples one completion. @throws RequestFailure, also if the policy did not sample all of it */
  readonly complete: (
    server: HttpClient,
    facts: EngineFacts,
    request: CompletionRequest,
    limits: RequestLimits,
  ) => Promise<ServedCompletion>;
  /** Whether a failure of `load` means that an adapter of the name is loaded. */
  readonly hasAdapter: (failure: RequestFailure) => boolean;
  /** Whether a failure of `unload` or `complete` means that the adapter is not loaded, as after a restart of the server. */
  readonly lacksAdapter: (failure: RequestFailure) => boolean;
}
