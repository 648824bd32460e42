/** The policy versions that a run keeps in memory, and how they are streamed to workers. */
import { sha256OfTensors, sizeOf, split, type TensorShape } from '@gapo/model';
import { chunks, RpcError, toHeader, type GetVersionResponseInput, type TensorChunk } from '@gapo/rpc';

/** One version of the trained parameters. Immutable. */
export interface PolicyVersion {
  /** The concatenated trained tensors. */
  readonly parameters: Float32Array;
  /** SHA-256 (hex) of their bytes. */
  readonly sha256: string;
}

/** SHA-256 (hex) of parameters that have been hashed. Parameters are immutable, so each is hashed once for all users of the hash. */
export const versionHashes = new WeakMap<Float32Array, string>();

/** Number of versions kept besides version 0 and pinned ones. Sampling uses the version before a step's updates. */
const newestKept = 3;

interface Held extends PolicyVersion {
  /** Created by the first request and reused for every worker. */
  chunks: readonly TensorChunk[] | undefined;
  pins: number;
}

/** Keeps version 0, the newest few, and pinned versions. */
export class VersionStore {
  readonly #shapes: readonly TensorShape[];
  readonly #held = new Map<number, Held>();
  readonly #size: number;

  /** @param shapes the trained tensors, in the order of the flat vectors */
  constructor(shapes: readonly TensorShape[]) {
    this.#shapes = shapes;
    this.#size = shapes.reduce((total, { shape }) => total + sizeOf(shape), 0);
  }

  /**
   * Stores a version and evicts older ones.
   *
   * @param version number of optimizer updates; 0 is the start of training
   * @param parameters must not be modified afterwards
   * @throws RangeError if their number does not match the trained tensors
   */
  put(version: number, parameters: Float32Array): void {
    this.#hold(version, parameters);
    this.#evict();
  }

  #hold(version: number, parameters: Float32Array): Held {
    if (parameters.length !== this.#size) {
      throw new RangeError(`version ${version} has ${parameters.length} elements, expected ${this.#size}`);
    }
    const sha256 = versionHashes.get(parameters) ?? sha256OfTensors(split(parameters, this.#shapes));
    versionHashes.set(parameters, sha256);
    const present = this.#held.get(version);
    if (present?.sha256 === sha256) return present;
    const held: Held = { parameters, sha256, chunks: undefined, pins: present?.pins ?? 0 };
    this.#held.set(version, held);
    return held;
  }

  /** Returns a version; undefined if it is not held. */
  get(version: number): PolicyVersion | undefined {
    return this.#held.get(version);
  }

  /**
   * Keeps a version in memory until the returned function is called.
   *
   * @param load reads its parameters if it is not held
   */
  async pin(version: number, load: () => Promise<Float32Array>): Promise<() => void> {
    if (!this.#held.has(version)) this.#hold(version, await load());
    return this.keep(version);
  }

  /**
   * Keeps a version that is already in memory until the returned function is called.
   *
   * @throws RangeError if it is not held
   */
  keep(version: number): () => void {
    const held = this.#held.get(version);
    if (held === undefined) throw new RangeError(`version ${version} is not held: ${this.list().join(', ')} are`);
    held.pins += 1;
    let pinned = true;
    return () => {
      if (!pinned) return;
      pinned = false;
      held.pins -= 1;
      this.#evict();
    };
  }

  /** Returns the held versions, ascending. */
  list(): readonly number[] {
    return [...this.#held.keys()].sort((a, b) => a - b);
  }

  /**
   * Yields the messages that carry a version: its header, then its chunks.
   *
   * @param runId the run id as given in the request
   * @throws RpcError NOT_FOUND listing the held versions
   */
  *messages(runId: string, version: number): Generator<GetVersionResponseInput, void, undefined> {
    const held = this.#held.get(version);
    if (held === undefined) {
      throw new RpcError('NOT_FOUND', `run ${runId} holds no version ${version}; it holds ${this.list().join(', ')}`);
    }
    const tensors = split(held.parameters, this.#shapes);
    // Chunks are views of the parameters: no request copies them.
    held.chunks ??= [...chunks([held.parameters])];
    const headers = tensors.map(({ name, shape, data }) => toHeader(name, shape, data));
    yield { header: { runId, version, sha256: held.sha256, tensors: headers } };
    for (const chunk of held.chunks) yield { chunk };
  }

  #evict(): void {
    const newest = this.list().slice(-newestKept);
    for (const [version, { pins }] of this.#held) {
      if (version > 0 && pins === 0 && !newest.includes(version)) this.#held.delete(version);
    }
  }
}
