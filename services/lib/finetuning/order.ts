/** Which sequences make up each update: a fresh order in every epoch, sequences of about equal length together. */
import { permutation } from '@gapo/objectives';

/** Batches that are sorted by length together: enough that little is padded, few enough that the order stays random. */
const POOL = 16;

/** What is trained on and what is kept out, as places; the split is the seed's alone. */
export function heldOutSplit(count: number, share: number, seed: number): { training: number[]; heldOut: number[] } {
  const order = [...permutation(count, seed, 0xffff_ffff)];
  const kept = Math.round(count * share);
  return {
    training: order.slice(kept).sort((a, b) => a - b),
    heldOut: order.slice(0, kept).sort((a, b) => a - b),
  };
}

/** The updates of all epochs: places of sequences, each exactly once an epoch. */
export function updatesOf(lengths: readonly number[], batch: number, epochs: number, seed: number): number[][] {
  const updates: number[][] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = [...permutation(lengths.length, seed, epoch)];
    for (let start = 0; start < order.length; start += batch * POOL) {
      const pool = order.slice(start, start + batch * POOL).sort((a, b) => lengths[a]! - lengths[b]! || a - b);
      const batches = Array.from({ length: Math.ceil(pool.length / batch) }, (_, i) =>
        pool.slice(i * batch, (i + 1) * batch),
      );
      for (const i of permutation(batches.length, seed, epoch, start + 1)) updates.push(batches[i]!);
    }
  }
  return updates;
}
