/** The protocol of one kind of engine. To add a kind, add a file here and a line in the registry. */
import type { HttpClient, RequestFailure, RequestLimits } from '@gapo/http';
import type { SamplingOptions } from '@gapo/policy';

/** What a server is expected to provide. */
export interface Expected {
  /** The name of the base model; undefined: the only one it has. */
  readonly model: string | undefined;
  /** Maximum number of loaded adapters. */
  readonly adapters: number;
}

/** The properties of a server. */
export interface EngineFacts {
  /** The engine's version. */
  readonly version: string;
  /** Maximum number of tokens in a prompt with its completion; undefined if the server does not say. */
  readonly context: number | undefined;
  /** The path for completion requests, if there are several. */
  readonly route: string;
  /** The name of its base model. */
  readonly base: string;
  /** For each kind of policy that it does not accept: what it cannot do, and how to start it so that it can. */
  readonly refused: Readonly<Partial<Record<PolicyKind, string>>>;
}

/**
 * An `adapter`, which a server loads in addition to others, or all `weights`, which replace its current ones; `tiedWeights` are the
 * weights of a model whose output projection is its embedding table.
 */
export type PolicyKind = 'adapter' | 'weights' | 'tiedWeights';

/** A policy version in a directory that the server sees. */
export interface ServedPolicy {
  readonly kind: PolicyKind;
  /** Unique per version, because a server's prefix cache belongs to the name. */
  readonly name: string;
  /** Its directory as seen by the server. */
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
  /** The tokens that end a completion; included in it. */
  readonly endIds: readonly number[];
  /** Texts that end a completion; the token that completes one is included. */
  readonly stop: readonly string[];
}

/** A completion as returned by a server. */
export interface ServedCompletion {
  readonly ids: readonly number[];
  /** ln of each token's probability in softmax(logits / temperature), or softmax(logits) at temperature 0. */
  readonly logprobs: readonly number[];
}

/** The HTTP interface of an engine. */
export interface EngineProtocol {
  /** The engine's name in messages and spans. */
  readonly name: 'vllm' | 'sglang';
  /** Says which options the engine cannot apply as the contract requires, and why; undefined if it can apply all. */
  readonly refusal: (options: SamplingOptions) => string | undefined;
  /** Resolves if the server can serve. @throws RequestFailure */
  readonly checkHealth: (server: HttpClient, limits: RequestLimits) => Promise<void>;
  /**
   * Requests a server's properties and checks that it was started with the options that gapo needs.
   *
   * @throws RequestFailure naming the option
   */
  readonly describe: (server: HttpClient, expected: Expected, limits: RequestLimits) => Promise<EngineFacts>;
  /** Loads an adapter. @throws RequestFailure, also if one with that name is loaded */
  readonly load: (server: HttpClient, adapter: ServedPolicy, limits: RequestLimits) => Promise<void>;
  /** Unloads an adapter. @throws RequestFailure, also if none with that name is loaded */
  readonly unload: (server: HttpClient, name: string, limits: RequestLimits) => Promise<void>;
  /**
   * Replaces all weights unless the server already has those with this name. Requests in progress end.
   *
   * @throws RequestFailure
   */
  readonly replaceWeights: (server: HttpClient, weights: ServedPolicy, limits: RequestLimits) => Promise<void>;
  /** Samples one completion. @throws RequestFailure, also if part of it was not sampled by the policy */
  readonly complete: (
    server: HttpClient,
    facts: EngineFacts,
    request: CompletionRequest,
    limits: RequestLimits,
  ) => Promise<ServedCompletion>;
  /** Whether a failure of `load` means that an adapter with that name is loaded. */
  readonly hasAdapter: (failure: RequestFailure) => boolean;
  /** Whether a failure of `unload` or `complete` means that the adapter is not loaded, as after a restart of the server. */
  readonly lacksAdapter: (failure: RequestFailure) => boolean;
}
