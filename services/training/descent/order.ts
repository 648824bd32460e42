/** Splits off held-out examples, and the rest into updates: shuffled in every epoch, examples of similar length together. */
import { at, permutation } from '@gapo/numeric';

/** Batches per pool that is sorted by length: enough for little padding, few enough for a random order. */
const poolBatches = 16;

/**
 * Splits examples, as indices, into training and held-out ones. The seed alone determines the split.
 *
 * @param fraction of the examples to hold out; groups stay whole, so it may be a few more
 * @param groupOf examples of one group are all trained on or all held out. @default each is its own group
 */
export function heldOutSplit(
  count: number,
  fraction: number,
  seed: number,
  groupOf: (index: number) => unknown = (index) => index,
): { training: number[]; heldOut: number[] } {
  const groups = new Map<unknown, number[]>();
  for (let index = 0; index < count; index++) {
    const group = groups.get(groupOf(index));
    if (group === undefined) groups.set(groupOf(index), [index]);
    else group.push(index);
  }
  const members = [...groups.values()];
  const wanted = Math.round(count * fraction);
  const [training, heldOut]: [number[], number[]] = [[], []];
  for (const group of permutation(members.length, seed, 0xffff_ffff)) {
    (heldOut.length < wanted ? heldOut : training).push(...at(members, group));
  }
  return { training: training.sort((a, b) => a - b), heldOut: heldOut.sort((a, b) => a - b) };
}

/** Returns the updates of the warm-up: a fraction of all, rounded up, but never every one. */
export function warmupSteps(fraction: number, totalSteps: number): number {
  return Math.min(Math.ceil(fraction * totalSteps), totalSteps - 1);
}

/** Returns the updates of all epochs: indices of examples, each exactly once per epoch. */
export function updatesOf(lengths: readonly number[], batch: number, epochs: number, seed: number): number[][] {
  const updates: number[][] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = [...permutation(lengths.length, seed, epoch)];
    for (let start = 0; start < order.length; start += batch * poolBatches) {
      const pool = order
        .slice(start, start + batch * poolBatches)
        .sort((a, b) => at(lengths, a) - at(lengths, b) || a - b);
      const batches = Array.from({ length: Math.ceil(pool.length / batch) }, (_, i) =>
        pool.slice(i * batch, (i + 1) * batch),
      );
      for (const i of permutation(batches.length, seed, epoch, start + 1)) updates.push(at(batches, i));
    }
  }
  return updates;
}
