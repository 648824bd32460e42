/**
 * Positions of rows during attention. Attention needs a grid of B sequences of T positions; everything else works on rows.
 * Padded rows are the grid itself. Packed rows are the cells that hold a token, without padding between them.
 */
import { type Dim, type Value, gatherRows, layOut, reshape, transpose } from '@gapo/graph';
import type { DecoderConfig } from '@gapo/model';

/** The grid of a stream's rows. */
export interface Grid {
  /** B and T. */
  readonly dims: readonly [sequences: Dim, positions: Dim];
  /** Rows by head, in their cells: [rows..., count · headWidth] → [B, count, T, headWidth]. */
  readonly split: (x: Value, count: number) => Value;
  /** The rows of their cells: [B, heads, T, headWidth] → [rows..., heads · headWidth]. */
  readonly join: (x: Value) => Value;
}

/** Which cells of a grid hold rows. */
export interface Packing {
  /** int64 [B, T]: the row of each cell; any row if a cell holds none. */
  readonly cells: Value;
  /** int64 [M]: the cell index b · T + t of each row. */
  readonly places: Value;
}

/** The grid of rows [B, T, ...] that fill all of its cells. */
export function paddedGrid({ heads, headWidth }: DecoderConfig, [sequences, positions]: readonly [Dim, Dim]): Grid {
  return {
    dims: [sequences, positions],
    split: (x, count) => {
      const byHead = reshape(x, [0, 0, count, headWidth], [sequences, positions, count, headWidth]);
      return transpose(byHead, [0, 2, 1, 3]); // [B, count, T, headWidth]
    },
    join: (x) => {
      const joined = transpose(x, [0, 2, 1, 3]); // [B, T, heads, headWidth]
      return reshape(joined, [0, 0, heads * headWidth], [sequences, positions, heads * headWidth]);
    },
  };
}

/**
 * The grid of packed rows [M, ...]. No row may attend to a cell that holds none. Cells without a row get no gradient: `join`
 * does not read them.
 */
export function packedGrid(config: DecoderConfig, { cells, places }: Packing): Grid {
  const padded = paddedGrid(config, cells.dims as readonly [Dim, Dim]);
  return {
    dims: padded.dims,
    split: (x, count) => padded.split(layOut(x, cells, places), count),
    join: (x) => gatherRows(padded.join(x), places),
  };
}
