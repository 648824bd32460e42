/**
 * The KV cache of the rows being sampled, owned by JavaScript and read in place by the runtime.
 *
 * It is rebuilt between stretches: finished rows leave, others grow by the stretch's positions, and new ones enter. A
 * row's positions are contiguous from the start of its slot, followed by padding, which is always 0.
 */
import type { TensorArray } from '@gapo/graph';
import type { DecoderConfig } from '@gapo/model';
import { cacheNames } from './graphs.js';

/** Tensors by the names of `cacheNames`, each [rows, keyValueHeads, positions, headWidth]. */
export type CacheTensors = Readonly<Record<string, TensorArray>>;

/** The first `count` positions of one row of a cache. */
export interface CachePiece {
  readonly tensors: CacheTensors;
  readonly row: number;
  readonly count: number;
}

/** The KV cache. */
export class KeyValueCache {
  readonly #names: readonly string[];
  readonly #heads: number;
  readonly #headWidth: number;
  /** One more buffer than tensors: each tensor is written to the buffer that the previous one vacated. */
  #spare: Float32Array = new Float32Array(0);
  #current: CacheTensors = {};

  constructor(config: DecoderConfig) {
    this.#names = cacheNames(config);
    this.#heads = config.keyValueHeads;
    this.#headWidth = config.headWidth;
  }

  /** The tensors that the runtime reads. */
  get tensors(): CacheTensors {
    return this.#current;
  }

  /** The number of positions that each row has room for. */
  get positions(): number {
    return this.#current[this.#names[0] as string]?.dims[2] ?? 0;
  }

  /** Rebuilds the cache from the pieces of each row, in order. Pieces may refer to the current tensors. */
  layOut(rows: readonly (readonly CachePiece[])[]): void {
    const [heads, headWidth] = [this.#heads, this.#headWidth];
    const positions = Math.max(1, ...rows.map(positionsOf)); // no tensor is empty
    const size = rows.length * heads * positions * headWidth;
    const next: Record<string, TensorArray> = {};
    for (const name of this.#names) {
      // Doubling the size leaves room to grow; pages that are never written cost nothing.
      const target = this.#spare.length < size ? new Float32Array(2 * size) : this.#spare;
      rows.forEach((pieces, row) => {
        for (let head = 0; head < heads; head++) {
          let at = (row * heads + head) * positions * headWidth;
          const end = at + positions * headWidth;
          for (const { tensors, row: from, count } of pieces) {
            const { data, dims } = tensors[name] as TensorArray<Float32Array>;
            const start = (from * heads + head) * (dims[2] as number) * headWidth;
            target.set(data.subarray(start, start + count * headWidth), at);
            at += count * headWidth;
          }
          target.fill(0, at, end);
        }
      });
      next[name] = { data: target.subarray(0, size), dims: [rows.length, heads, positions, headWidth] };
      const old = this.#current[name]?.data as Float32Array | undefined;
      this.#spare = old === undefined ? new Float32Array(0) : new Float32Array(old.buffer);
    }
    this.#current = next;
  }
}

/** The number of positions of a row's pieces. */
function positionsOf(pieces: readonly CachePiece[]): number {
  return pieces.reduce((total, { count }) => total + count, 0);
}

/** The outputs whose names start with a prefix, keyed by the name without it. */
export function cachePart(outputs: CacheTensors, prefix: string): CacheTensors {
  const names = Object.keys(outputs).filter((name) => name.startsWith(prefix));
  return Object.fromEntries(names.map((name) => [name.slice(prefix.length), outputs[name] as TensorArray]));
}
