/**
 * Gives a graph its tensors, each declared once: the trained ones as inputs, the frozen ones as constants, which stay in
 * their files where they are float32 there.
 */
import type { Graph, Value } from '@gapo/graph';
import { type TensorShape, type Weight, elementsOf, isWide } from '@gapo/model';

/** Looks up a graph's tensors by Hugging Face name: inputs where they are trained, constants where they are frozen. */
export type Tensors = (name: string) => Value;

/** A lookup that declares tensors in a graph as they are asked for. */
export function tensorSource(
  graph: Graph,
  trained: readonly TensorShape[],
  frozen: ReadonlyMap<string, Weight>,
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
      constant = graph.weight(
        name,
        weight.shape,
        graph.float === 'float32' && isWide(weight)
          ? { location: weight.path, offset: weight.offset, length: weight.length }
          : elementsOf(weight),
      );
      constants.set(name, constant);
    }
    return constant;
  };
  return { tensors, parameters };
}
