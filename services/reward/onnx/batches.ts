/**
 * How sequences of different lengths become tensors. Every sequence is padded to a length that depends on its own
 * length alone, and never runs alone, so that its score is the same, bit for bit, whatever else is in the batch.
 */
import { int64, type TensorArray } from '@gapo/graph';

/** Padded lengths are multiples of this. */
const lengthStep = 8;

/** Padded tokens in one run: enough for large matrix products, few enough to look for a cancellation between runs. */
const tokensPerRun = 4096;

/**
 * Rows in a run at the least. The runtime multiplies a single row by another kernel than several, with sums in another
 * order; a lone sequence is therefore run twice.
 */
const fewestRows = 2;

/** Sequences of one padded length. */
export interface Bucket {
  /** The padded length, in tokens. */
  readonly length: number;
  /** Indices of the sequences. */
  readonly members: readonly number[];
}

/**
 * Sorts sequences into buckets, the shortest first.
 * @param lengths tokens of each sequence, at least 1 and at most maxTokens.
 */
export function buckets(lengths: readonly number[], maxTokens: number): readonly Bucket[] {
  const byLength = new Map<number, number[]>();
  for (const [index, length] of lengths.entries()) {
    const padded = Math.min(Math.ceil(length / lengthStep) * lengthStep, maxTokens);
    const members = byLength.get(padded);
    if (members === undefined) byLength.set(padded, [index]);
    else members.push(index);
  }
  return [...byLength]
    .sort(([a], [b]) => a - b)
    .flatMap(([length, members]) => {
      const rows = Math.max(fewestRows, Math.floor(tokensPerRun / length));
      const runs = Math.ceil(members.length / rows);
      return Array.from({ length: runs }, (_, run) => ({
        length,
        members: members.slice(run * rows, (run + 1) * rows),
      }));
    });
}

/** What a classifier takes: both [rows, length], int64. Rows beyond the members repeat the first. */
export interface ClassifierFeeds extends Readonly<Record<string, TensorArray>> {
  /** Token ids, padded on the right. */
  readonly input_ids: TensorArray<BigInt64Array>;
  /** 1 for a token, 0 for padding. */
  readonly attention_mask: TensorArray<BigInt64Array>;
}

/** A bucket's tensors. */
export function feedsOf(bucket: Bucket, sequences: readonly (readonly number[])[], padId: number): ClassifierFeeds {
  const { length, members } = bucket;
  const rows = Math.max(fewestRows, members.length);
  const ids = new Array<number>(rows * length).fill(padId);
  const mask = new Array<number>(rows * length).fill(0);
  for (let row = 0; row < rows; row++) {
    const member = members[row < members.length ? row : 0] as number;
    const sequence = sequences[member] as readonly number[];
    for (const [position, id] of sequence.entries()) {
      ids[row * length + position] = id;
      mask[row * length + position] = 1;
    }
  }
  const dims = [rows, length];
  return { input_ids: { data: int64(ids), dims }, attention_mask: { data: int64(mask), dims } };
}
