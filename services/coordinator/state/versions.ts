/** The policy versions that a run holds in memory, and how one is streamed to any number of workers. */
import { sha256OfTensors, sizeOf, split, type TensorShape } from '@gapo/model';
import { chunks, RpcError, toHeader, type GetVersionResponseInput, type TensorChunk } from '@gapo/rpc';

/** One version of the trained parameters. Never modified. */
export interface PolicyVersion {
  /** Optimiser updates so far; 0 is the start, which is the base model. */
  readonly version: number;
  /** The trained tensors, one after the other. */
  readonly parameters: Float32Array;
  /** SHA-256 (hex) of their bytes. */
  readonly sha256: string;
}

/** Besides version 0 and pinned ones. An update needs the newest, sampling the one before its epochs. */
const newestKept = 3;

interface Held extends PolicyVersion {
  /** Made at the first request, then sent to every worker. */
  chunks: readonly TensorChunk[] | undefined;
  pins: number;
}

/** Holds version 0, the newest few and those that someone pinned. */
export class VersionStore {
  readonly #shapes: readonly TensorShape[];
  readonly #held = new Map<number, Held>();
  readonly #size: number;
  /** Versions that are about to be pinned. */
  readonly #pinning = new Set<number>();

  /** @param shapes the trained tensors, in the order of the flat vectors */
  constructor(shapes: readonly TensorShape[]) {
    this.#shapes = shapes;
    this.#size = shapes.reduce((total, { shape }) => total + sizeOf(shape), 0);
  }

  /**
   * Takes a version in; the oldest beyond the newest few are let go.
   *
   * @param parameters must not be modified any more
   */
  put(version: number, parameters: Float32Array): PolicyVersion {
    if (parameters.length !== this.#size) {
      throw new RangeError(`version ${version} has ${parameters.length} elements, the trained tensors ${this.#size}`);
    }
    const sha256 = sha256OfTensors(split(parameters, this.#shapes));
    const present = this.#held.get(version);
    if (present?.sha256 === sha256) return present;
    const held: Held = { version, parameters, sha256, chunks: undefined, pins: present?.pins ?? 0 };
    this.#held.set(version, held);
    this.#release();
    return held;
  }

  /** A version, where it is held. */
  get(version: number): PolicyVersion | undefined {
    return this.#held.get(version);
  }

  /**
   * Keeps a version until the returned function is called.
   *
   * @param load its parameters, asked for where it is not held
   */
  async pin(version: number, load: () => Promise<Float32Array>): Promise<() => void> {
    if (!this.#held.has(version)) {
      const parameters = await load();
      this.#pinning.add(version);
      this.put(version, parameters);
      this.#pinning.delete(version);
    }
    const held = this.#held.get(version)!;
    held.pins += 1;
    let pinned = true;
    return () => {
      if (!pinned) return;
      pinned = false;
      held.pins -= 1;
      this.#release();
    };
  }

  /** Versions that are held, ascending. */
  list(): readonly number[] {
    return [...this.#held.keys()].sort((a, b) => a - b);
  }

  /**
   * The messages that carry a version: its header, then chunks, which are cut once for all requests and read the parameters
   * where they lie.
   *
   * @param runId the run as the request named it
   * @throws RpcError NOT_FOUND naming the versions that are held
   */
  *messages(runId: string, version: number): Generator<GetVersionResponseInput, void, undefined> {
    const held = this.#held.get(version);
    if (held === undefined) {
      throw new RpcError('NOT_FOUND', `run ${runId} holds no version ${version}; it holds ${this.list().join(', ')}`);
    }
    const tensors = split(held.parameters, this.#shapes);
    // The tensors lie one after the other: chunks are views of them, and no receiver costs a copy that lasts.
    held.chunks ??= [...chunks([held.parameters])];
    const headers = tensors.map(({ name, shape, data }) => toHeader(name, shape, data));
    yield { header: { runId, version, sha256: held.sha256, tensors: headers } };
    for (const chunk of held.chunks) yield { chunk };
  }

  #release(): void {
    const newest = this.list().slice(-newestKept);
    for (const [version, { pins }] of this.#held) {
      const kept = version === 0 || pins > 0 || newest.includes(version) || this.#pinning.has(version);
      if (!kept) this.#held.delete(version);
    }
  }
}
