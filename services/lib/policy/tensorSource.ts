/** Gives a graph its tensors: the trained ones as inputs, the frozen ones as constants, each declared once. */
import type { Graph, Value } from '@gapo/graph';
import type { NamedTensor, TensorShape } from '@gapo/model';
import type { Tensors } from './decoder.js';

/** A lookup that declares tensors in a graph as they are asked for. */
export function tensorSource(
  graph: Graph,
  trained: readonly TensorShape[],
  frozen: ReadonlyMap<string, NamedTensor>,
): { readonly tensors: Tensors; readonly parameters: ReadonlyMap<string, Value> } {
  const parameters = new Map(trained.map(({ name, shape }) => [name, graph.floatInput(name, shape)]));
  const constants = new Map<string, Value>();
  const tensors: Tensors = (name) => {
    const parameter = parameters.get(name);
    if (parameter !== undefined) return parameter;
    let constant = constants.get(name);
    if (constant === undefined) {
      const weight = frozen.get(name);
      if (weight === undefined) throw new Error(`the model has no tensor '${name}'`);
      constant = graph.weight(name, weight.shape, weight.data);
      constants.set(name, constant);
    }
    return constant;
  };
  return { tensors, parameters };
}
