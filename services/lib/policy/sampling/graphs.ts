/**
 * The two graphs of sampling: `prefill` reads prompts into a KV cache, `stretch` draws a stretch of several tokens.
 *
 * Onnxruntime's binding copies every output to JavaScript, so one run per token would copy the cache for every token. A
 * stretch is one run: an ONNX Loop that carries only its own few keys and values. The past is outside the loop and is read
 * in place, and the stretch's additions to the cache are output once.
 */
import { Graph, type Value, cast, emitBinary, emitReduce, emitReshape, emitUnary } from '@gapo/graph';
import { type DecoderConfig, type DecoderModel, type TrainableSpec, trainableTensors } from '@gapo/model';
import { masking } from '../decoder/masks.js';
import { decodeSequences, decoderOf } from '../decoder/sequences.js';
import { tensorSource } from '../decoder/tensorSource.js';
import type { EnginePrecision } from '../precision.js';
import { type Drawing, draw, drawingInputs, isProcessed } from './drawing.js';
import { decodeStep } from './step.js';
import { stepWeights } from './weights.js';

/** Names of the cache's tensors, [rows, keyValueHeads, positions, headWidth], keys and values of each layer in turn. */
export function cacheNames({ layers }: DecoderConfig): readonly string[] {
  return Array.from({ length: layers }, (_, layer) => [`keys.${layer}`, `values.${layer}`]).flat();
}

/** Reads prompts: ids int64 [B, T] → the cache. */
export function prefillGraph(model: DecoderModel, spec: TrainableSpec, precision?: EnginePrecision): Graph {
  const { config } = model;
  const graph = new Graph('prefill', precision);
  const { tensors } = tensorSource(graph, trainableTensors(config, spec), model.weights);
  const ids = graph.input('ids', 'int64', ['B', 'T']);
  const { cache } = decodeSequences(decoderOf(config, tensors, spec.lora), ids);
  const names = cacheNames(config);
  cache.flatMap(({ keys, values }) => [keys, values]).forEach((value, i) => graph.output(names[i] as string, value));
  return graph;
}

/**
 * Draws a stretch of t ≤ steps tokens for each of R rows; t < steps if every row has drawn an end-of-sequence token.
 *
 * Inputs: the cache [R, kv, S, headWidth]; `pastPositions` int64 [R, S], the position of each past key, −1 for padding;
 * `token` int64 [R], the last token of each row; `position` int64 [R], its position; `steps` int64 scalar;
 * `inverseTemperature`; `uniforms` [steps, R, 1] unless greedy; `seen` bool [R, V] with a repetition penalty; the inputs of
 * `drawingInputs`. Outputs: `tokens` int64 [t, R, 1], `logprobs` [t, R, 1], `drawnLogprobs` [t, R, 1] if they differ, and
 * the stretch's part of the cache, [R, kv, t, headWidth], as `added.NAME`.
 */
export function stretchGraph(
  model: DecoderModel,
  spec: TrainableSpec,
  drawing: Drawing,
  precision?: EnginePrecision,
): Graph {
  const { config } = model;
  const { keyValueHeads, headWidth, vocabulary } = config;
  const graph = new Graph('stretch', precision);
  const weights = stepWeights(graph, model, spec);
  const names = cacheNames(config);
  const past = names.map((name) => graph.floatInput(name, ['R', keyValueHeads, 'S', headWidth]));
  const pastPositions = emitReshape(graph.input('pastPositions', 'int64', ['R', 'S']), [0, 1, 1, -1], ['R', 1, 1, 'S']);
  const pastMask = masking(emitBinary('Less', pastPositions, graph.integers([0], []), 'bool')); // [R, 1, 1, S]
  const token = graph.input('token', 'int64', ['R']);
  const position = graph.input('position', 'int64', ['R']);
  const steps = graph.input('steps', 'int64', []);
  const inverseTemperature = graph.floatInput('inverseTemperature', []);
  const uniforms = drawing.greedy ? undefined : graph.floatInput('uniforms', ['steps', 'R', 1]);
  const rowNumbers = graph.input('rowNumbers', 'int64', ['R', 1]);
  const options = drawingInputs(graph, drawing, vocabulary);
  const seen = drawing.repetitionPenalty ? graph.input('seen', 'bool', ['R', vocabulary]) : undefined;

  const body = new Graph('step', graph.precision, graph);
  const iteration = body.input('iteration', 'int64', []);
  body.input('continue', 'bool', []);
  const carried = {
    token: body.input('carriedToken', 'int64', ['R']),
    done: body.input('carriedDone', 'bool', ['R']),
    seen: seen && body.input('carriedSeen', 'bool', seen.dims),
    own: names.map((name) => body.floatInput(`own.${name}`, ['R', keyValueHeads, 't', headWidth])),
  };
  // Rows that have ended continue until the stretch ends, so their position is clamped to the context.
  const current = emitBinary('Min', emitBinary('Add', position, iteration), graph.integers([config.context - 1], []));
  const next = decodeStep(
    weights,
    {
      token: carried.token,
      position: current,
      rowNumbers,
      iteration,
      pastPositions,
      pastMask,
      pastKeys: evens(past),
      pastValues: odds(past),
      keys: evens(carried.own),
      values: odds(carried.own),
    },
    inverseTemperature,
  );
  const uniform = uniforms && body.emit('Gather', [uniforms, iteration], { dtype: graph.float, dims: ['R', 1] });
  const drawn = draw(next.logits, drawing, options, carried.seen, uniform && { uniform, rowNumbers });
  const nextToken = emitReshape(drawn.token, [-1], ['R']);
  const done = config.eosIds
    .map((id) => emitBinary('Equal', nextToken, graph.integers([id]), 'bool'))
    .reduce((any, one) => emitBinary('Or', any, one), emitUnary('Identity', carried.done));
  const own = next.keys.flatMap((keys, layer) => [keys, next.values[layer] as Value]);
  const state = [nextToken, done, ...(carried.seen ? [withToken(carried.seen, drawn.token)] : []), ...own];
  const each = [drawn.token, drawn.logprob, ...(drawn.drawnLogprob ? [drawn.drawnLogprob] : [])];
  for (const value of [anyFalse(done), ...state, ...each]) body.result(value);

  const noneDone = emitBinary('Less', token, graph.integers([0]), 'bool'); // token ids are never negative
  const nothing = emptyCache(graph, token, keyValueHeads, headWidth);
  const results = graph.emitAll(
    'Loop',
    [steps, graph.boolean(true), token, noneDone, ...(seen ? [seen] : []), ...names.map(() => nothing)],
    [
      ...state.map(({ dtype, dims }) => ({ dtype, dims })),
      ...each.map(({ dtype }) => ({ dtype, dims: ['t', 'R', 1] })),
    ],
    { body: { kind: 'graph', value: body.content() } },
  );
  names.forEach((name, i) => graph.output(`added.${name}`, results[state.length - names.length + i] as Value));
  const outputs = ['tokens', 'logprobs', ...(isProcessed(drawing) ? ['drawnLogprobs'] : [])];
  outputs.forEach((name, i) => graph.output(name, results[state.length + i] as Value));
  return graph;
}

/** Keys of a list as `cacheNames` orders it. */
function evens<T>(list: readonly T[]): readonly T[] {
  return list.filter((_, i) => i % 2 === 0);
}

/** Values of a list as `cacheNames` orders it. */
function odds<T>(list: readonly T[]): readonly T[] {
  return list.filter((_, i) => i % 2 === 1);
}

/** Sets each row's token in seen. seen bool [R, V], token int64 [R, 1]. */
function withToken(seen: Value, token: Value): Value {
  const g = token.graph;
  const yes = emitBinary('GreaterOrEqual', token, g.integers([0], []), 'bool'); // token ids are never negative
  const axis = { axis: { kind: 'int', value: 1 } } as const;
  return g.emit('ScatterElements', [seen, token, yes], { dtype: 'bool', dims: seen.dims }, axis);
}

/** A stretch's cache before its first token: [R, kv, 0, headWidth]. */
function emptyCache(graph: Graph, rows: Value, keyValueHeads: number, headWidth: number): Value {
  const count = graph.emit('Shape', [rows], { dtype: 'int64', dims: [1] });
  const rest = graph.integers([keyValueHeads, 0, headWidth]);
  const shape = graph.emit('Concat', [count, rest], { dtype: 'int64', dims: [4] }, { axis: { kind: 'int', value: 0 } });
  return graph.emit('Expand', [graph.constant(0), shape], {
    dtype: graph.float,
    dims: ['R', keyValueHeads, 't', headWidth],
  });
}

/** Whether any element is false. */
function anyFalse(flags: Value): Value {
  return cast(emitReduce('ReduceSum', cast(emitUnary('Not', flags), 'int32')), 'bool');
}
