/** The policy versions of a worker, pulled from the coordinator when a request first names one. */
import type { NamedTensor } from '@gapo/model';
import { type Client, type GetVersionResponse, RpcError, TensorAssembler } from '@gapo/rpc';
import { attributeNames, count, record, spanNames, withSpan } from '@gapo/tracing';
import { assertExpected, type ExpectedTensors } from './expectedTensors.js';
import type { EngineKey } from './models.js';

/** Number of versions kept per run: the reference, the current one, and the one before it. */
const versionsKept = 3;
/** Number of runs whose versions are kept: the most recently requested ones. A resumed run counts as a different one. */
const runsKept = 4;
/** The deadline for pulling one version, in milliseconds. */
const pullDeadlineMs = 120_000;
/** Milliseconds without a message after which a pull fails. */
const defaultStallMs = 15_000;

/** A client of the coordinator. */
export type PolicyClient = Client<'gapo.policy.v1.PolicyService'>;

/** Options of {@link VersionStore}. */
export interface VersionOptions {
  /** Milliseconds that a pull may wait for its next message. @default 15000 */
  readonly stallMs?: number;
  /**
   * Opens another client of the coordinator after a pull has stalled, because the connection may be dead. @default keeps
   * the client
   */
  readonly reconnect?: () => PolicyClient;
  /** Returns the tensors that a version must have. @default any that the coordinator announces */
  readonly expected?: ExpectedTensors;
}

/** A version's tensors. */
export interface HeldVersion {
  /** SHA-256 (hex) of the tensors. */
  readonly sha256: string;
  readonly tensors: readonly NamedTensor[];
}

/**
 * Pulls and keeps versions. Concurrent requests for a version share one pull, which has its own deadline and outlives the
 * request that started it.
 */
export class VersionStore {
  #coordinator: PolicyClient;
  /** By `run/version`, least recently used first. */
  readonly #held = new Map<string, Promise<HeldVersion>>();
  readonly #stallMs: number;
  readonly #reconnect: (() => PolicyClient) | undefined;
  readonly #expected: ExpectedTensors | undefined;

  /** @param coordinator closed by {@link close} */
  constructor(coordinator: PolicyClient, options: VersionOptions = {}) {
    this.#coordinator = coordinator;
    this.#stallMs = options.stallMs ?? defaultStallMs;
    this.#reconnect = options.reconnect;
    this.#expected = options.expected;
  }

  /**
   * A version's tensors.
   *
   * @param engine the policy's specification, whose tensors the version must have. @default not checked
   * @throws RpcError if the coordinator does not answer, does not have the version, or sends it damaged or with unexpected
   * tensors
   */
  get(runId: string, version: number, engine?: EngineKey): Promise<HeldVersion> {
    const key = `${runId}/${version}`;
    const found = this.#held.get(key);
    count('policyLookups', 1, { cacheResult: found === undefined ? 'miss' : 'hit' });
    const tensors = found ?? this.#pull(runId, version, engine);
    this.#held.delete(key);
    this.#held.set(key, tensors);
    if (found === undefined) {
      tensors.catch(() => {
        if (this.#held.get(key) === tensors) this.#held.delete(key);
      });
      this.#forgetOld(runId);
    }
    return tensors;
  }

  /** Prefetches a version. If that fails, the request that needs it pulls again and reports the error. */
  expect(runId: string, version: number, engine?: EngineKey): void {
    this.get(runId, version, engine).catch(() => undefined);
  }

  #pull(runId: string, version: number, engine: EngineKey | undefined): Promise<HeldVersion> {
    const attributes = { [attributeNames.runId]: runId, [attributeNames.policyVersion]: version };
    const began = performance.now();
    const fetched = (errorType?: string): void =>
      record('syncDuration', (performance.now() - began) / 1000, { errorType });
    return withSpan(spanNames.policyFetch, attributes, async (span) => {
      const held = await this.#fetch(runId, version, engine).catch((error: unknown) => {
        fetched(RpcError.from(error).code);
        throw error;
      });
      fetched();
      const bytes = held.tensors.reduce((total, { data }) => total + data.byteLength, 0);
      span.setAttributes({ [attributeNames.policySha256]: held.sha256, [attributeNames.bytes]: bytes });
      return held;
    });
  }

  async #fetch(runId: string, version: number, engine: EngineKey | undefined): Promise<HeldVersion> {
    const what = `policy version ${version} of run ${runId} from ${this.#coordinator.target}`;
    const expected = engine && (await this.#expected?.(engine));
    let assembler: TensorAssembler | undefined;
    let sha256 = '';
    for await (const message of this.#messages(runId, version, what)) {
      if (message.header) {
        sha256 = message.header.sha256;
        if (expected !== undefined) assertExpected(message.header.tensors, expected, what);
        assembler = new TensorAssembler(message.header.tensors, { sha256, what });
      } else if (message.chunk) {
        if (assembler === undefined) throw new RpcError('DATA_LOSS', `${what}: bytes came before the header`);
        assembler.add(message.chunk);
      }
    }
    if (assembler === undefined) throw new RpcError('DATA_LOSS', `${what}: the stream was empty`);
    const tensors = assembler.finish().map(({ header, data }) => {
      if (!(data instanceof Float32Array))
        throw new RpcError('DATA_LOSS', `${what}: tensor '${header.name}' is not float32`);
      return { name: header.name, shape: header.shape, data };
    });
    return { sha256, tensors };
  }

  /** Yields the messages of a pull. @throws RpcError UNAVAILABLE if a message does not arrive in time */
  async *#messages(runId: string, version: number, what: string): AsyncGenerator<GetVersionResponse> {
    const stalled = new AbortController();
    const coordinator = this.#coordinator;
    const abort = (): void => {
      this.#replace(coordinator);
      stalled.abort(new RpcError('UNAVAILABLE', `${what}: the coordinator sent nothing for ${this.#stallMs / 1000} s`));
    };
    const timer = setTimeout(abort, this.#stallMs);
    try {
      const options = { deadlineMs: pullDeadlineMs, signal: stalled.signal };
      for await (const message of coordinator.GetVersion({ runId, version }, options)) {
        timer.refresh();
        yield message;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Replaces the client with which a pull stalled, unless another pull has already done so. */
  #replace(stalled: PolicyClient): void {
    if (this.#reconnect === undefined || this.#coordinator !== stalled) return;
    stalled.close();
    this.#coordinator = this.#reconnect();
  }

  /** Closes the client. */
  close(): void {
    this.#coordinator.close();
  }

  #forgetOld(runId: string): void {
    const own = [...this.#held.keys()].filter((key) => key.startsWith(`${runId}/`) && key !== `${runId}/0`);
    for (const key of own.slice(0, Math.max(0, own.length - (versionsKept - 1)))) this.#held.delete(key);
    const runs = [...new Set([...this.#held.keys()].reverse().map(runOf))];
    const forgotten = new Set(runs.slice(runsKept));
    for (const key of this.#held.keys()) if (forgotten.has(runOf(key))) this.#held.delete(key);
  }
}

/** Returns the run of a key. */
function runOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/'));
}
