/** How gapo speaks to one kind of engine. A kind is one file here and one line in the registry. */
import type { HttpClient, RequestFailure, RequestLimits } from '@gapo/http';
import type { SamplingOptions } from '@gapo/policy';

/** What a server is. */
export interface EngineFacts {
  /** The engine's version. */
  readonly version: string;
  /** The most tokens of a prompt with its completion; undefined if the server does not say. */
  readonly context: number | undefined;
  /** The path of its requests for completions, where there are several. */
  readonly route: string;
}

/** An adapter in a directory that the server sees. */
export interface ServedAdapter {
  /** Differs between versions: a server's cache of prefixes belongs to the name. */
  readonly name: string;
  /** Its directory, as the server sees it. */
  readonly path: string;
}

/** A request for one completion. */
export interface CompletionRequest {
  /** Identifies it in the server's log. */
  readonly id: string;
  /** The adapter's name. */
  readonly model: string;
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
   * @param model the name of the base model; undefined: the only one that it has
   * @throws RequestFailure that names the option
   */
  readonly describe: (server: HttpClient, model: string | undefined, limits: RequestLimits) => Promise<EngineFacts>;
  /** Loads an adapter. @throws RequestFailure, also if one of the name is loaded */
  readonly load: (server: HttpClient, adapter: ServedAdapter, limits: RequestLimits) => Promise<void>;
  /** Unloads an adapter. @throws RequestFailure, also if none of the name is loaded */
  readonly unload: (server: HttpClient, name: string, limits: RequestLimits) => Promise<void>;
  /** Samples one completion. @throws RequestFailure */
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
