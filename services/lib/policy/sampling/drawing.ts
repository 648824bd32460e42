/**
 * Draws a token for each row from its logits, as nodes of a graph.
 *
 * Options that are off have no nodes. The order: repetition penalty, temperature (applied by the caller), ids without a token,
 * top-k, top-p over what top-k leaves, min-p, then the inverse of the cumulative distribution at one uniform number per row.
 */
import {
  type DataType,
  type Dim,
  Graph,
  type Value,
  cast,
  emitBinary,
  emitReduce,
  emitReshape,
  emitUnary,
  emitSoftmax,
} from '@gapo/graph';

/** Which options a graph has. */
export interface Drawing {
  /** Take the most probable token; draw and truncate nothing. */
  readonly greedy: boolean;
  /** Never draw ids without a token, which exist if embeddings are padded to a round number. */
  readonly masked: boolean;
  readonly repetitionPenalty: boolean;
  readonly topK: boolean;
  readonly topP: boolean;
  readonly minP: boolean;
}

/** The values of a graph's options. They are inputs, so one graph serves every value; absent for options that are off. */
export interface DrawingInputs {
  /** bool [1, V]: the ids that may be drawn. */
  readonly drawable?: Value;
  /** int64 [1]. */
  readonly topK?: Value;
  /** Scalars. */
  readonly topP?: Value;
  readonly minP?: Value;
  readonly repetitionPenalty?: Value;
}

/** The inputs of drawing a token for each row. */
export interface Draws {
  /** [R, 1], in [0, 1). */
  readonly uniform: Value;
  /** int64 [R, 1]: 0, 1, …, R − 1. */
  readonly rowNumbers: Value;
}

/** Declares the inputs of the options that are on. */
export function drawingInputs(graph: Graph, drawing: Drawing, vocabulary: number): DrawingInputs {
  return {
    ...(drawing.masked && { drawable: graph.input('drawable', 'bool', [1, vocabulary]) }),
    ...(drawing.topK && { topK: graph.input('topK', 'int64', [1]) }),
    ...(drawing.topP && { topP: graph.floatInput('topP', []) }),
    ...(drawing.minP && { minP: graph.floatInput('minP', []) }),
    ...(drawing.repetitionPenalty && { repetitionPenalty: graph.floatInput('repetitionPenalty', []) }),
  };
}

/** A drawn token for each row. */
export interface Drawn {
  /** int64 [R, 1]. */
  readonly token: Value;
  /** [R, 1]: ln of its probability in softmax(logits). */
  readonly logprob: Value;
  /** [R, 1]: ln of its probability in the distribution it was drawn from, if that differs; never with greedy. */
  readonly drawnLogprob: Value | undefined;
}

/** Whether tokens are drawn from a distribution that is neither softmax(logits) nor a single point. */
export function isProcessed({ greedy, masked, repetitionPenalty, topK, topP, minP }: Drawing): boolean {
  return !greedy && (masked || repetitionPenalty || topK || topP || minP);
}

/**
 * Draws from logits [R, V], already divided by the temperature.
 *
 * @param seen bool [R, V]: the tokens that the repetition penalty weakens
 * @param draws undefined with greedy
 */
export function draw(
  logits: Value,
  drawing: Drawing,
  inputs: DrawingInputs,
  seen: Value | undefined,
  draws: Draws | undefined,
): Drawn {
  const { repetitionPenalty } = inputs;
  const processed =
    seen === undefined || repetitionPenalty === undefined ? logits : penalized(logits, seen, repetitionPenalty);
  if (draws === undefined) {
    const token = argMax(only(processed, inputs.drawable, lowest));
    return { token, logprob: pick(logSoftmax(logits), token), drawnLogprob: undefined };
  }
  const whole = emitSoftmax(processed); // [R, V]
  const kept = truncated(only(whole, inputs.drawable, 0), inputs);
  const { token, total } = inverseCumulative(kept, draws);
  if (!isProcessed(drawing)) return { token, logprob: emitUnary('Log', pick(whole, token)), drawnLogprob: undefined };
  return {
    token,
    // A penalty may make a token likely whose probability under the policy underflows.
    logprob: drawing.repetitionPenalty ? pick(logSoftmax(logits), token) : emitUnary('Log', pick(whole, token)),
    drawnLogprob: emitUnary('Log', emitBinary('Div', pick(kept, token), total)),
  };
}

/** Divides positive logits of seen tokens by the penalty and multiplies negative ones (Keskar et al. 2019, arXiv 1909.05858). */
function penalized(logits: Value, seen: Value, penalty: Value): Value {
  const g = logits.graph;
  const output = { dtype: g.float, dims: logits.dims };
  const positive = emitBinary('Greater', logits, g.constant(0), 'bool');
  const weaker = g.emit(
    'Where',
    [positive, emitBinary('Div', logits, penalty), emitBinary('Mul', logits, penalty)],
    output,
  );
  return g.emit('Where', [seen, weaker, logits], output);
}

/** Below every logit, and representable in float16. */
const lowest = -65504;

/** Replaces the values of ids that may not be drawn. x [R, V], drawable bool [1, V] or undefined if all may. */
function only(x: Value, drawable: Value | undefined, otherwise: number): Value {
  if (drawable === undefined) return x;
  const g = x.graph;
  return g.emit('Where', [drawable, x, g.constant(otherwise)], { dtype: g.float, dims: x.dims });
}

/** Sets the probabilities [R, V] that top-k, top-p and min-p exclude to 0; the others keep their values. */
function truncated(probabilities: Value, { topK, topP, minP }: DrawingInputs): Value {
  let kept = probabilities;
  if (topK !== undefined) kept = atLeast(kept, lastColumn(largest(kept, topK))); // ties with the k-th stay
  if (topP !== undefined) kept = atLeast(kept, nucleusEdge(kept, topP));
  if (minP !== undefined) kept = atLeast(kept, emitBinary('Mul', emitReduce('ReduceMax', kept, -1), minP));
  return kept;
}

/** The number of largest probabilities that are sorted first. */
const candidates = 128;

/**
 * The smallest probability [R, 1] of the nucleus (Holtzman et al. 2020, arXiv 1904.09751): the fewest largest probabilities
 * whose sum reaches topP of the total. Sorting a whole vocabulary costs more than the decoder, and nearly every nucleus lies
 * within a few candidates. Only if some row's nucleus does not are all probabilities sorted, with the same sums.
 */
function nucleusEdge(probabilities: Value, topP: Value): Value {
  const g = probabilities.graph;
  const vocabulary = probabilities.dims[1] as number;
  const target = emitBinary('Mul', emitReduce('ReduceSum', probabilities, -1), topP); // [R, 1]
  const among = (graph: Graph, count: number): { readonly edge: Value; readonly short: Value } => {
    const sorted = largest(probabilities, g.integers([count]), graph); // [R, count]
    const sums = graph.emit('CumSum', [sorted, g.integers([1], [])], { dtype: g.float, dims: sorted.dims });
    const before = countTrue(emitBinary('Less', sums, target, 'bool')); // [R, 1]: the number of sums below the target
    const place = emitBinary('Min', before, g.integers([count - 1], []));
    return { edge: pick(sorted, place), short: emitBinary('GreaterOrEqual', before, g.integers([count], []), 'bool') };
  };
  if (vocabulary <= candidates) return among(g, vocabulary).edge;
  const { edge, short } = among(g, candidates);
  const someShort = cast(emitReduce('ReduceMax', cast(short, 'int32')), 'bool');
  const enough = new Graph('enough', g.precision, g);
  enough.output('edge', edge);
  const all = new Graph('all', g.precision, g);
  all.result(among(all, vocabulary).edge);
  const [chosen] = g.emitAll('If', [someShort], [{ dtype: g.float, dims: edge.dims }], {
    then_branch: { kind: 'graph', value: all.content() },
    else_branch: { kind: 'graph', value: enough.content() },
  });
  return chosen as Value;
}

/**
 * The first token of each row whose cumulative weight exceeds uniform · the row's total; its weight is never 0.
 * Weights [R, V] → token int64 [R, 1], total [R, 1]. A cumulative sum over all V is expensive, so blocks are summed first and
 * only the chosen block is summed cumulatively.
 */
function inverseCumulative(
  weights: Value,
  { uniform, rowNumbers }: Draws,
): { readonly token: Value; readonly total: Value } {
  const g = weights.graph;
  const vocabulary = weights.dims[1] as number;
  const block = blockSize(vocabulary);
  const blocks = vocabulary / block;
  const perBlock = emitReshape(weights, [-1, blocks, block], ['R', blocks, block]);
  const sums = emitReshape(emitReduce('ReduceSum', perBlock, -1), [-1, blocks], ['R', blocks]);
  const cumulative = g.emit('CumSum', [sums, g.integers([1], [])], { dtype: g.float, dims: sums.dims });
  const total = lastColumn(cumulative);
  const threshold = emitBinary('Min', emitBinary('Mul', uniform, total), justBelow(total)); // [R, 1]
  const passed = emitBinary('LessOrEqual', cumulative, threshold, 'bool'); // [R, blocks]
  const chosen = countTrue(passed); // int64 [R, 1]
  const before = emitReduce('ReduceMax', emitBinary('Mul', cumulative, cast(passed, g.float)), -1); // [R, 1]
  const flat = emitReshape(weights, [-1, block], ['R·blocks', block]);
  const place = emitBinary('Add', emitBinary('Mul', rowNumbers, g.integers([blocks], [])), chosen);
  const own = g.emit('Gather', [flat, emitReshape(place, [-1], ['R'])], { dtype: g.float, dims: ['R', block] });
  const within = g.emit('CumSum', [own, g.integers([1], [])], { dtype: g.float, dims: own.dims });
  const rest = emitBinary('Min', emitBinary('Sub', threshold, before), justBelow(lastColumn(within)));
  const offset = countTrue(emitBinary('LessOrEqual', within, rest, 'bool'));
  const token = emitBinary('Add', emitBinary('Mul', chosen, g.integers([block], [])), offset);
  return { token: emitBinary('Min', token, g.integers([vocabulary - 1], [])), total };
}

/** The largest divisor of the vocabulary up to its square root. */
function blockSize(vocabulary: number): number {
  for (let size = Math.floor(Math.sqrt(vocabulary)); size > 1; size--) if (vocabulary % size === 0) return size;
  return vocabulary;
}

/** A number one or two units in the last place below a positive x, so a cumulative sum that ends in x exceeds it. */
function justBelow(x: Value): Value {
  return emitBinary('Mul', x, x.graph.constant(1 - 2 ** -23));
}

/** Keeps x where it is at least the edge, 0 elsewhere. x [R, V], edge [R, 1]. */
function atLeast(x: Value, edge: Value): Value {
  const g = x.graph;
  const inside = emitBinary('GreaterOrEqual', x, edge, 'bool');
  return g.emit('Where', [inside, x, g.constant(0)], { dtype: g.float, dims: x.dims });
}

/** The `count` (int64 [1]) largest of each row, largest first. */
function largest(x: Value, count: Value, graph: Graph = x.graph): Value {
  const dims: readonly Dim[] = ['R', 'k'];
  const axis = { axis: { kind: 'int', value: -1 } } as const;
  const outputs = [
    { dtype: graph.float, dims },
    { dtype: 'int64' as DataType, dims },
  ];
  return graph.emitAll('TopK', [x, count], outputs, axis)[0] as Value;
}

function lastColumn(x: Value): Value {
  const g = x.graph;
  const axis = { axis: { kind: 'int', value: 1 } } as const;
  return g.emit('Gather', [x, g.integers([-1])], { dtype: x.dtype, dims: [x.dims[0] as Dim, 1] }, axis);
}

/** Counts the true elements of each row. bool [R, N] → int64 [R, 1]. */
function countTrue(flags: Value): Value {
  return cast(emitReduce('ReduceSum', cast(flags, 'int32'), -1), 'int64');
}

/** Picks one element of each row. x [R, N], place int64 [R, 1] → [R, 1]. */
function pick(x: Value, place: Value): Value {
  const g = place.graph.depth > x.graph.depth ? place.graph : x.graph;
  const axis = { axis: { kind: 'int', value: 1 } } as const;
  return g.emit('GatherElements', [x, place], { dtype: x.dtype, dims: place.dims }, axis);
}

function argMax(x: Value): Value {
  const attributes = { axis: { kind: 'int', value: 1 }, keepdims: { kind: 'int', value: 1 } } as const;
  return x.graph.emit('ArgMax', [x], { dtype: 'int64', dims: [x.dims[0] as Dim, 1] }, attributes);
}

function logSoftmax(x: Value): Value {
  const axis = { axis: { kind: 'int', value: -1 } } as const;
  return x.graph.emit('LogSoftmax', [x], { dtype: x.graph.float, dims: x.dims }, axis);
}
