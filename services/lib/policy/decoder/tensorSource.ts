/**
 * Declares a graph's tensors, each once: trained ones as inputs, frozen ones as constants. Frozen tensors that are float32
 * on disk stay in their files.
 */
import type { Graph, Value } from '@gapo/graph';
import { type TensorShape, type Weight, elementsOf, isWide } from '@gapo/model';

/** Looks up a graph's tensors by Hugging Face name: inputs if trained, constants if frozen. */
export type Tensors = (name: string) => Value;

/** Returns a lookup that declares each tensor in the graph on first use. @throws Error for a tensor that the model lacks */
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
