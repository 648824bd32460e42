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
 * predicts nothing and is omitted. Only attention works on these grids; everything else works on their tokens, the R rows of
 * prompts and the M rows of completions, in order. Arrays of N run through the completion tokens of all sequences in order.
 */
export interface SequenceBatch {
  /** int64 [Q, P]: the prompts, each once if sequences share it. */
  readonly prompts: TensorArray;
  /** int64 [Q, P]: the row of each cell, 0 where it is padding. */
  readonly promptCells: TensorArray;
  /** int64 [R]: the cell q · P + p of each row. */
  readonly promptPlaces: TensorArray;
  /** int64 [R]: its prompt. */
  readonly promptOfRow: TensorArray;
  /** int64 [Q]: the row of each prompt's last token. */
  readonly promptEnds: TensorArray;
  /** int64 [B]: each sequence's prompt. */
  readonly promptOf: TensorArray;
  /** int64 [B]: the number of tokens in each sequence's prompt. */
  readonly promptLengths: TensorArray;
  /** int64 [B, C]. */
  readonly completions: TensorArray;
  /** int64 [B, C]: positions in the sequence. Positions of padding are within the context. */
  readonly positions: TensorArray;
  /** int64 [B, C]: the row of each cell, 0 where it is padding. */
  readonly completionCells: TensorArray;
  /** int64 [M]: the cell b · C + c of each row. */
  readonly completionPlaces: TensorArray;
  /** int64 [M]: its completion. */
  readonly completionOfRow: TensorArray;
  /** int64 [N]: the row that predicts each token: b for the end of its prompt, B + m for the m-th row of the completions. */
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
  const prompt = packed(prompts);
  const completion = packed(sequences.map(({ completionIds }) => completionIds.slice(0, -1)));
  const [count, length] = completion.grid.dims as [number, number];
  let rows = 0;
  const ends = prompts.map((ids) => (rows += ids.length) - 1);
  const positions = sequences.flatMap(({ promptIds }) =>
    Array.from({ length }, (_, c) => Math.min(promptIds.length + c, context - 1)),
  );
  let row = 0;
  const order = sequences.flatMap(({ completionIds }, b) => completionIds.map((_, i) => (i === 0 ? b : count + row++)));
  const targets = sequences.flatMap(({ completionIds }) => completionIds);
  return {
    prompts: prompt.grid,
    promptCells: prompt.cells,
    promptPlaces: prompt.places,
    promptOfRow: prompt.ofRow,
    promptEnds: list(ends),
    promptOf: list(promptOf),
    promptLengths: list(sequences.map(({ promptIds }) => promptIds.length)),
    completions: completion.grid,
    positions: { data: int64(positions), dims: [count, length] },
    completionCells: completion.cells,
    completionPlaces: completion.places,
    completionOfRow: completion.ofRow,
    order: list(order),
    targets: list(targets),
    sequenceOf: list(sequences.flatMap(({ completionIds }, b) => completionIds.map(() => b))),
    tokens: targets.length,
  };
}

/** Token lists as a grid, padded on the right with 0, and its rows. At least one cell and one row, so that no tensor is empty. */
function packed(
  lists: readonly (readonly number[])[],
): Readonly<Record<'grid' | 'cells' | 'places' | 'ofRow', TensorArray>> {
  const length = Math.max(1, ...lists.map((ids) => ids.length));
  const dims = [lists.length, length];
  const grid = new BigInt64Array(lists.length * length);
  const cells = new BigInt64Array(lists.length * length);
  const places: number[] = [];
  const ofRow: number[] = [];
  lists.forEach((ids, index) =>
    ids.forEach((id, t) => {
      const place = index * length + t;
      grid[place] = BigInt(id);
      cells[place] = BigInt(places.length);
      places.push(place);
      ofRow.push(index);
    }),
  );
  if (places.length === 0) {
    places.push(0); // padding, which no token reads
    ofRow.push(0);
  }
  return { grid: { data: grid, dims }, cells: { data: cells, dims }, places: list(places), ofRow: list(ofRow) };
}

function list(elements: readonly number[]): TensorArray {
  return { data: int64(elements), dims: [elements.length] };
}

/** The prompts of sequences, in the order in which they first occur: each once if shared, otherwise one per sequence. */
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
