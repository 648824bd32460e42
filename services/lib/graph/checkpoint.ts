/** Activation recomputation (Chen et al. 2016, arXiv 1604.06174): memory for a second forward pass. */
import { type TapeEntry, type Value, graphOf, record } from './graph.js';
import { emitBinary } from './nodes.js';

/**
 * y = body(x), of which the backward pass keeps x alone: it computes the body again from there, and the values within
 * are free in between. The body may read parameters and constants; with x they are all that y depends on.
 * Several backward passes compute it again each.
 */
export function checkpoint(x: Value, body: (x: Value) => Value): Value {
  const { tape } = x.graph;
  const within = (start: number): readonly TapeEntry[] => tape.splice(start);
  const start = tape.length;
  const y = body(x);
  record({
    inputs: [...inputsOf(within(start))],
    outputs: [y],
    replay: (dy) => {
      const input = after(x, dy);
      const now = tape.length;
      const output = body(input);
      return { tape: within(now), original: x, input, output };
    },
  });
  return y;
}

/** What the entries read and none of them made. */
function inputsOf(tape: readonly TapeEntry[]): ReadonlySet<Value> {
  const made = new Set(tape.flatMap(({ outputs }) => outputs));
  return new Set(tape.flatMap(({ inputs }) => inputs.filter((input) => !made.has(input))));
}

/**
 * x, but not before `reached` is there. Without the dependency the runtime would find the same nodes twice, keep the
 * first ones' results, and nothing would be saved. The shape is computed with nought of the other's; x is not copied.
 */
function after(x: Value, reached: Value): Value {
  const g = graphOf(x, reached);
  const shapeOf = (value: Value): Value => g.emit('Shape', [value], { dtype: 'int64', dims: [value.dims.length] });
  const first = g.emit('Gather', [shapeOf(reached), g.integers([0])], { dtype: 'int64', dims: [1] });
  const nought = emitBinary('Mul', first, g.integers([0]));
  const shape = emitBinary('Add', shapeOf(x), nought);
  return g.emit('Reshape', [x, shape], { dtype: x.dtype, dims: x.dims });
}
