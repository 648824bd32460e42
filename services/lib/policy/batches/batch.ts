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

/**
 * B sequences: Q prompts padded on the right to P tokens, and B completions padded to C tokens. The last token of a completion
 * predicts nothing and is left out. Padding is 0, and no real token attends to it. Arrays of N run through the completion
 * tokens of all sequences in order.
 */
export interface SequenceBatch {
  /** int64 [Q, P]: the prompts, each once where sequences share it. */
  readonly prompts: TensorArray;
  /** int64 [Q]: the place q · P + p of each prompt's last token. */
  readonly promptEnds: TensorArray;
  /** int64 [B]: each sequence's prompt. */
  readonly promptOf: TensorArray;
  /** int64 [B]: the tokens of each sequence's prompt. */
  readonly promptLengths: TensorArray;
  /** int64 [B, C]. */
  readonly completions: TensorArray;
  /** int64 [B, C]: positions in the sequence. Those of padding are within the context. */
  readonly positions: TensorArray;
  /** int64 [M]: the places b · C + c that predict a completion's token. */
  readonly predicting: TensorArray;
  /** int64 [M]: their sequences. */
  readonly sequenceOfPredicting: TensorArray;
  /** int64 [N]: what predicts each token: b for the end of its prompt, B + m for the m-th of `predicting`. */
  readonly order: TensorArray;
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

/**
 * Pads and indexes sequences.
 *
 * @param shared whether sequences with equal prompts share one row of prompts; without it Q is B
 * @throws RangeError as checkSequences
 */
export function toBatch(sequences: readonly Sequence[], context: number, shared: boolean): SequenceBatch {
  checkSequences(sequences, context);
  const { prompts, promptOf } = batchPrompts(sequences, shared);
  const promptLength = Math.max(...prompts.map(({ length }) => length));
  // At least one place, so that no tensor is empty.
  const length = Math.max(1, ...sequences.map(({ completionIds }) => completionIds.length - 1));
  const count = sequences.length;
  const completions = new BigInt64Array(count * length);
  const positions: number[] = [];
  const predicting: number[] = [];
  const sequenceOfPredicting: number[] = [];
  const order: number[] = [];
  const targets: number[] = [];
  const sequenceOf: number[] = [];
  sequences.forEach(({ promptIds, completionIds }, b) => {
    completions.set(int64(completionIds.slice(0, -1)), b * length);
    for (let c = 0; c < length; c++) positions.push(Math.min(promptIds.length + c, context - 1));
    completionIds.forEach((id, i) => {
      order.push(i === 0 ? b : count + predicting.length);
      if (i > 0) {
        predicting.push(b * length + i - 1);
        sequenceOfPredicting.push(b);
      }
      targets.push(id);
      sequenceOf.push(b);
    });
  });
  if (predicting.length === 0) {
    predicting.push(0); // read by no token
    sequenceOfPredicting.push(0);
  }
  const padded = new BigInt64Array(prompts.length * promptLength);
  prompts.forEach((ids, q) => padded.set(int64(ids), q * promptLength));
  const list = (elements: readonly number[]): TensorArray => ({ data: int64(elements), dims: [elements.length] });
  return {
    prompts: { data: padded, dims: [prompts.length, promptLength] },
    promptEnds: list(prompts.map((ids, q) => q * promptLength + ids.length - 1)),
    promptOf: list(promptOf),
    promptLengths: list(sequences.map(({ promptIds }) => promptIds.length)),
    completions: { data: completions, dims: [count, length] },
    positions: { data: int64(positions), dims: [count, length] },
    predicting: list(predicting),
    sequenceOfPredicting: list(sequenceOfPredicting),
    order: list(order),
    targets: list(targets),
    sequenceOf: list(sequenceOf),
    tokens: targets.length,
  };
}

/** The prompts of sequences, in the order in which they first occur: each once if shared, else one for each sequence. */
export function batchPrompts(
  sequences: readonly Sequence[],
  shared: boolean,
): { readonly prompts: readonly (readonly number[])[]; readonly promptOf: readonly number[] } {
  const places = new Map<string, number>();
  const prompts: (readonly number[])[] = [];
  const promptOf = sequences.map(({ promptIds }, index) => {
    const key = shared ? promptIds.join() : `${index}`;
    const place = places.get(key) ?? prompts.push(promptIds) - 1;
    places.set(key, place);
    return place;
  });
  return { prompts, promptOf };
}
