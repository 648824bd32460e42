/**
 * The decoder over completions of prompts. Each prompt runs once, however many completions continue it: they read its keys
 * and values, and their first token's distribution comes from its last position (Prefix Grouper, arXiv 2506.05433, has the
 * same gradients). Backward, the gradients of a prompt's rows are summed over its completions before they pass through its
 * layers, once for each objective.
 */
import {
  type Graph,
  type Value,
  concat,
  emitBinary,
  emitConcat,
  emitExtent,
  emitGatherCells,
  emitRange,
  emitReshape,
  emitUnsqueeze,
  gatherRows,
  share,
} from '@gapo/graph';
import { type Decoder, embed } from './blocks.js';
import { type Packing, packedGrid } from './grid.js';
import { headTransforms } from './heads.js';
import { beforeWindow, forGroups, hiddenWithin, masking, masksByWindow } from './masks.js';
import { decodeSequences } from './sequences.js';
import { decodeStream } from './stream.js';

/**
 * The inputs: Q prompts padded to P tokens, and B completions padded to C tokens, without their last ones. R and M are their
 * tokens, without padding.
 */
export interface ContinuationInputs {
  /** int64 [Q, P]. */
  readonly prompts: Value;
  /** Which cells of the prompts hold tokens, [R]. */
  readonly promptPacking: Packing;
  /** int64 [Q]: each prompt's last token among the R. */
  readonly promptEnds: Value;
  /** int64 [B]: each completion's prompt. Undefined if no prompt is shared, Q = B. */
  readonly promptOf: Value | undefined;
  /** int64 [B]: the number of tokens in each completion's prompt. */
  readonly promptLengths: Value;
  /** int64 [B, C]. */
  readonly completions: Value;
  /** int64 [B, C]: the position of each token after the start of its prompt. */
  readonly positions: Value;
  /** Which cells of the completions hold tokens, [M]: each predicts the next one. */
  readonly packing: Packing;
  /** int64 [N]: the index of each token's predicting row among the B prompts' ends followed by the M rows. */
  readonly order: Value;
}

/** Declares the inputs in a graph. `shared`: whether completions share prompts; without it Q is B. */
export function continuationInputs(graph: Graph, shared: boolean): ContinuationInputs {
  const prompts = shared ? 'Q' : 'B';
  const integers = (name: string, dims: readonly string[]): Value => graph.input(name, 'int64', dims);
  return {
    prompts: integers('prompts', [prompts, 'P']),
    promptPacking: { cells: integers('promptCells', [prompts, 'P']), places: integers('promptPlaces', ['R']) },
    promptEnds: integers('promptEnds', [prompts]),
    promptOf: shared ? integers('promptOf', ['B']) : undefined,
    promptLengths: integers('promptLengths', ['B']),
    completions: integers('completions', ['B', 'C']),
    positions: integers('positions', ['B', 'C']),
    packing: { cells: integers('completionCells', ['B', 'C']), places: integers('completionPlaces', ['M']) },
    order: integers('order', ['N']),
  };
}

/** The hidden state that predicts each completion token, after the final norm: [N, width]. */
export function predictingStates(decoder: Decoder, inputs: ContinuationInputs, recompute = false): Value {
  const { prompts, promptPacking, promptEnds, promptOf, completions, positions, packing, order } = inputs;
  const { config } = decoder;
  const read = (x: Value): Value => (promptOf === undefined ? x : share(x, promptOf));
  const prompt = decodeSequences(decoder, prompts, { packing: promptPacking, rows: promptEnds, recompute });
  const both = emitBinary('Add', emitExtent(prompts, 1), emitExtent(completions, 1));
  const stream = {
    x: embed(decoder, emitGatherCells(completions, packing.places), emitGatherCells(positions, packing.places)), // [M, width]
    grid: packedGrid(config, packing),
    transforms: headTransforms(decoder, emitRange(both, 'P+C'), { rows: positions }),
    mask: masksByWindow((window) => forGroups(mask(inputs, window), config.heads / config.keyValueHeads)), // [B, 1, G·C, P+C]
    past: { cache: prompt.cache, join: (past: Value, own: Value) => concat(read(past), own, 2, 'P+C') },
  };
  const { hidden } = decodeStream(decoder, stream, { recompute }); // [M, width]
  const first = read(prompt.hidden); // [B, width]
  return gatherRows(concat(first, hidden, 0, 'B+M'), order);
}

/** Hides padding of the prompts, later tokens of the completions, and what lies before the window: [B, 1, C, P+C]. */
function mask(
  { prompts, promptLengths, completions, positions }: ContinuationInputs,
  window: number | undefined,
): Value {
  const g = completions.graph;
  const [sequences, tokens, promptTokens] = [
    emitExtent(completions, 0),
    emitExtent(completions, 1),
    emitExtent(prompts, 1),
  ];
  const keys = emitRange(promptTokens, 'P');
  const lengths = emitReshape(promptLengths, [-1, 1, 1], ['B', 1, 1]);
  const padding = emitBinary('GreaterOrEqual', keys, lengths, 'bool'); // [B, 1, P]
  const queries = emitReshape(positions, [0, -1, 1], ['B', 'C', 1]);
  const past = window === undefined ? padding : emitBinary('Or', padding, beforeWindow(keys, queries, window), 'bool');
  const own = hiddenWithin(emitRange(tokens, 'C'), window); // [C, C]
  const expanded = (hidden: Value, extent: Value, dim: string): Value => {
    const shape = emitConcat([sequences, tokens, extent], 0, 3);
    return g.emit('Expand', [hidden, shape], { dtype: 'bool', dims: ['B', 'C', dim] });
  };
  const hidden = emitConcat([expanded(past, promptTokens, 'P'), expanded(own, tokens, 'C')], 2, 'P+C');
  return emitUnsqueeze(masking(hidden), 1);
}
