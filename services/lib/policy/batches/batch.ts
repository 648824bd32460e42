/** Batches of sequences for the graphs: padded token ids, and the position that predicts each completion token. */
import { type TensorArray, int64 } from '@gapo/graph';

/** A prompt and its completion, as token ids. */
export interface Sequence {
  readonly promptIds: readonly number[];
  readonly completionIds: readonly number[];
}

/** The number of completion tokens of sequences. */
export function tokensOf(sequences: readonly Sequence[]): number {
  return sequences.reduce((total, { completionIds }) => total + completionIds.length, 0);
}

/** B sequences, padded on the right to T tokens. Arrays of N run through the completion tokens of all sequences in order. */
export interface SequenceBatch {
  /** int64 [B, T]; padding is 0, and no real token attends to it. */
  readonly ids: TensorArray;
  /** int64 [N]: the position b · T + t that predicts each completion token. */
  readonly rows: TensorArray;
  /** int64 [N]: the completion tokens. */
  readonly targets: TensorArray;
  /** int64 [N]: the sequence of each completion token. */
  readonly sequenceOf: TensorArray;
  /** N. */
  readonly tokens: number;
}

/**
 * Checks sequences.
 *
 * @throws RangeError if there is no sequence, a prompt or a completion is empty, or a sequence exceeds the context
 */
export function checkSequences(sequences: readonly Sequence[], context: number): void {
  if (sequences.length === 0) throw new RangeError('a batch needs at least one sequence');
  sequences.forEach(({ promptIds, completionIds }, index) => {
    const total = promptIds.length + completionIds.length;
    if (promptIds.length === 0)
      throw new RangeError(`sequence ${index} has an empty prompt; it needs at least the first token`);
    if (completionIds.length === 0) throw new RangeError(`sequence ${index} has an empty completion`);
    if (total > context)
      throw new RangeError(`sequence ${index} has ${total} tokens, the model's context is ${context}`);
  });
}

/** Pads and indexes sequences. @throws RangeError as checkSequences */
export function toBatch(sequences: readonly Sequence[], context: number): SequenceBatch {
  checkSequences(sequences, context);
  let length = 0;
  for (const { promptIds, completionIds } of sequences) {
    length = Math.max(length, promptIds.length + completionIds.length);
  }
  const tokens = tokensOf(sequences);
  const ids = new BigInt64Array(sequences.length * length);
  const rows = new BigInt64Array(tokens);
  const targets = new BigInt64Array(tokens);
  const sequenceOf = new BigInt64Array(tokens);
  let n = 0;
  sequences.forEach(({ promptIds, completionIds }, b) => {
    const start = b * length;
    ids.set(int64([...promptIds, ...completionIds]), start);
    completionIds.forEach((id, i) => {
      rows[n] = BigInt(start + promptIds.length - 1 + i);
      targets[n] = BigInt(id);
      sequenceOf[n] = BigInt(b);
      n++;
    });
  });
  return {
    ids: { data: ids, dims: [sequences.length, length] },
    rows: { data: rows, dims: [tokens] },
    targets: { data: targets, dims: [tokens] },
    sequenceOf: { data: sequenceOf, dims: [tokens] },
    tokens,
  };
}
