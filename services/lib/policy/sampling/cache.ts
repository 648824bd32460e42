/**
 * The key-value cache of the rows that are being sampled, owned by JavaScript and read in place by the runtime.
 *
 * Between stretches it is laid out anew: rows that ended leave, others grow by what the stretch added, new ones enter.
 * Each row's positions lie together from the start of its place, and padding, always 0, comes after them.
 */
import type { TensorArray } from '@gapo/graph';
import type { DecoderConfig } from '@gapo/model';
import { cacheNames } from './graphs.js';

/** Tensors by the names of `cacheNames`, each [rows, keyValueHeads, positions, headWidth]. */
export type CacheTensors = Readonly<Record<string, TensorArray>>;

/** Positions of one row of some cache: the first `count`. */
export interface CachePiece {
  readonly tensors: CacheTensors;
  readonly row: number;
  readonly count: number;
}

/** The cache of up to a number of rows. */
export class KeyValueCache {
  readonly #names: readonly string[];
  readonly #heads: number;
  readonly #headWidth: number;
  /** One buffer more than tensors: each tensor is laid out in the one that the last left. */
  #spare: Float32Array = new Float32Array(0);
  #current: CacheTensors = {};

  constructor(config: DecoderConfig) {
    this.#names = cacheNames(config);
    this.#heads = config.keyValueHeads;
    this.#headWidth = config.headWidth;
  }

  /** What the runtime reads. */
  get tensors(): CacheTensors {
    return this.#current;
  }

  /** The extent of each row's place. */
  get positions(): number {
    return this.#current[this.#names[0] as string]?.dims[2] ?? 0;
  }

  /** Lays the cache out: for each row the pieces that it is made of, in order. Pieces may be of the present layout. */
  layOut(rows: readonly (readonly CachePiece[])[]): void {
    const [heads, headWidth] = [this.#heads, this.#headWidth];
    const positions = Math.max(1, ...rows.map(positionsOf)); // no tensor is empty
    const size = rows.length * heads * positions * headWidth;
    const next: Record<string, TensorArray> = {};
    for (const name of this.#names) {
      // Room for some growth: pages that are not written cost nothing.
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

/** The positions of a row that is made of pieces. */
export function positionsOf(pieces: readonly CachePiece[]): number {
  return pieces.reduce((total, { count }) => total + count, 0);
}

/** The tensors of a run's outputs whose names begin with a prefix, without it. */
export function cachePart(outputs: CacheTensors, prefix: string): CacheTensors {
  const names = Object.keys(outputs).filter((name) => name.startsWith(prefix));
  return Object.fromEntries(names.map((name) => [name.slice(prefix.length), outputs[name] as TensorArray]));
}
