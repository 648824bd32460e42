/** Reverse-mode differentiation: walks a graph's tape backward and adds the nodes of the gradients to the graph. */
import type { RowWeights, TapeEntry, Value } from './graph.js';
import { emitBinary } from './nodes.js';

/** A value and the gradient with which the backward pass starts there, of the same shape. */
export type Seed = readonly [value: Value, gradient: Value];

/**
 * Computes the gradients of Σ ⟨value, gradient⟩ over the seeds with respect to parameters.
 *
 * Without `weights`, each parameter has one gradient of its own shape. With them (see RowWeights), one backward pass yields
 * K gradients, [K, ...shape]: the k-th is that of seeds whose rows are multiplied by weights[:, k]. Parameters on which no
 * seed depends are absent from the result.
 *
 * @throws Error without seeds, and for an operator that has no gradient
 *
 * @example
 * The slope of Σ x² at (1, 2, 3), computed by onnxruntime:
 *
 * ```ts
 * import { Graph, Session, gradients, mul } from '@gapo/graph';
 *
 * const graph = new Graph('squares');
 * const x = graph.floatInput('x', [3]);
 * const y = mul(x, x);
 * const slope = gradients([[y, graph.constant([1, 1, 1])]], [x]).get(x);
 * if (slope === undefined) throw new Error('y does not depend on x');
 * graph.output('dx', slope);
 *
 * const session = await Session.open(graph.toModel(), { threads: 1 });
 * const { dx } = await session.run({ x: { data: Float32Array.of(1, 2, 3), dims: [3] } });
 * console.log(dx?.data); // Float32Array(3) [ 2, 4, 6 ]
 * ```
 */
export function gradients(
  seeds: readonly Seed[],
  parameters: readonly Value[],
  weights?: RowWeights,
): ReadonlyMap<Value, Value> {
  const first = seeds[0];
  if (first === undefined) throw new Error('gradients needs at least one seed');
  const tape = [...first[0].graph.tape];
  const wanted = new Set(parameters);
  const dependent = new Set<Value>(parameters); // values that depend on some parameter
  const produced = new Set(tape.flatMap(({ outputs }) => outputs));
  const found = new Map<Value, Value>();
  const accumulate = (value: Value, gradient: Value): void => {
    const sum = found.get(value);
    found.set(value, sum === undefined ? gradient : emitBinary('Add', sum, gradient));
  };
  // Leaf gradients are emitted last, those of the first layers before those of the last. The runtime schedules nodes from
  // the graph's outputs backward, so it computes the last layers' leaf gradients as soon as it can and frees what they read
  // before it continues with the layers below.
  const leaves: (() => void)[] = [];
  const walk = (entries: readonly TapeEntry[]): void => {
    for (const entry of [...entries].reverse()) {
      const outputGradients = entry.outputs.map((output) => found.get(output));
      if (outputGradients.every((gradient) => gradient === undefined)) continue;
      if ('replay' in entry) {
        const { tape: again, original, input, output } = entry.replay(outputGradients[0] as Value);
        if (dependent.has(original)) dependent.add(input);
        addDependents(again, dependent);
        accumulate(output, outputGradients[0] as Value);
        walk(again);
        const gradient = found.get(input);
        if (gradient !== undefined) accumulate(original, gradient);
        continue;
      }
      const inputGradients = entry.backward(outputGradients);
      entry.inputs.forEach((input, index) => {
        const gradient = inputGradients[index];
        if (gradient === undefined || !dependent.has(input)) return;
        if (!wanted.has(input)) accumulate(input, gradient());
        else if (produced.has(input)) accumulate(input, gradient(weights));
        else leaves.push(() => accumulate(input, gradient(weights)));
      });
    }
  };
  addDependents(tape, dependent);
  for (const [value, gradient] of seeds) if (dependent.has(value)) accumulate(value, gradient);
  walk(tape);
  for (const leaf of leaves.reverse()) leaf();
  return new Map(
    parameters.flatMap((parameter) => {
      const gradient = found.get(parameter);
      return gradient === undefined ? [] : [[parameter, gradient] as const];
    }),
  );
}

/** Adds every value that depends on a value in the set. */
function addDependents(tape: readonly TapeEntry[], reached: Set<Value>): void {
  for (const entry of tape) {
    if (entry.inputs.some((input) => reached.has(input))) for (const output of entry.outputs) reached.add(output);
  }
}
