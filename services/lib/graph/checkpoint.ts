/** Activation recomputation (Chen et al. 2016, arXiv 1604.06174): memory for a second forward pass. */
import { type TapeEntry, type Value, graphOf, record } from './graph.js';
import { emitBinary } from './nodes.js';

/**
 * ys = body(xs). Only xs are kept for the backward pass, which recomputes the body from them. The body's inner values are
 * freed in between. Besides xs, the body may read only parameters and constants. Every backward pass recomputes it.
 */
export function checkpoint(
  xs: readonly [Value, ...Value[]],
  body: (xs: readonly Value[]) => readonly Value[],
): readonly Value[] {
  const { tape } = graphOf(...xs);
  const within = (start: number): readonly TapeEntry[] => tape.splice(start);
  const start = tape.length;
  const ys = body(xs);
  record({
    inputs: [...inputsOf(within(start))],
    outputs: ys,
    replay: (dy) => {
      const inputs = xs.map((x) => after(x, dy));
      const now = tape.length;
      const outputs = body(inputs);
      return { tape: within(now), originals: xs, inputs, outputs };
    },
  });
  return ys;
}

/** The values that the entries read and none of them computes. */
function inputsOf(tape: readonly TapeEntry[]): ReadonlySet<Value> {
  const made = new Set(tape.flatMap(({ outputs }) => outputs));
  return new Set(tape.flatMap(({ inputs }) => inputs.filter((input) => !made.has(input))));
}

/**
 * x, available only once `reached` is. Without this dependency the runtime would recognise the nodes as duplicates, keep the
 * first results and save no memory. Adds 0 · an extent of `reached` to the shape of x, which copies nothing.
 */
function after(x: Value, reached: Value): Value {
  const g = graphOf(x, reached);
  const shapeOf = (value: Value): Value => g.emit('Shape', [value], { dtype: 'int64', dims: [value.dims.length] });
  const first = g.emit('Gather', [shapeOf(reached), g.integers([0])], { dtype: 'int64', dims: [1] });
  const zero = emitBinary('Mul', first, g.integers([0]));
  const shape = emitBinary('Add', shapeOf(x), zero);
  return g.emit('Reshape', [x, shape], { dtype: x.dtype, dims: x.dims });
}
