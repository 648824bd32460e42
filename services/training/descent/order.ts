/** What is held out, and which examples make up each update: a fresh order in every epoch, examples of about equal length together. */
import { permutation } from '@gapo/numeric';

/** Batches that are sorted by length together: enough that little is padded, few enough that the order stays random. */
const poolBatches = 16;

/**
 * What is trained on and what is kept out, as places; the split is the seed's alone.
 *
 * @param share of the places that is kept out; groups stay whole, so that it may be a few more
 * @param groupOf places of one group are all trained on or all kept out. @default each is its own
 */
export function heldOutSplit(
  count: number,
  share: number,
  seed: number,
  groupOf: (place: number) => unknown = (place) => place,
): { training: number[]; heldOut: number[] } {
  const groups = new Map<unknown, number[]>();
  for (let place = 0; place < count; place++) {
    const group = groups.get(groupOf(place));
    if (group === undefined) groups.set(groupOf(place), [place]);
    else group.push(place);
  }
  const members = [...groups.values()];
  const wanted = Math.round(count * share);
  const [training, heldOut]: [number[], number[]] = [[], []];
  for (const group of permutation(members.length, seed, 0xffff_ffff)) {
    (heldOut.length < wanted ? heldOut : training).push(...members[group]!);
  }
  return { training: training.sort((a, b) => a - b), heldOut: heldOut.sort((a, b) => a - b) };
}

/** The updates of all epochs: places of examples, each exactly once an epoch. */
export function updatesOf(lengths: readonly number[], batch: number, epochs: number, seed: number): number[][] {
  const updates: number[][] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = [...permutation(lengths.length, seed, epoch)];
    for (let start = 0; start < order.length; start += batch * poolBatches) {
      const pool = order.slice(start, start + batch * poolBatches).sort((a, b) => lengths[a]! - lengths[b]! || a - b);
      const batches = Array.from({ length: Math.ceil(pool.length / batch) }, (_, i) =>
        pool.slice(i * batch, (i + 1) * batch),
      );
      for (const i of permutation(batches.length, seed, epoch, start + 1)) updates.push(batches[i]!);
    }
  }
  return updates;
}
