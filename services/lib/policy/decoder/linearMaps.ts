/** Linear maps with low-rank adapters. */
import { type Value, adaptedLinear, add, linear, linearInOut, mergedWeight } from '@gapo/graph';
import { type LinearModule, type LoraSpec, adapterName, adapterOf } from '@gapo/model';
import type { Tensors } from './tensorSource.js';

/** Applies linear maps that share an input, with their adapters if they have any: x [..., in] → [..., out] each. */
export type Projection = (x: Value, modules: readonly LinearModule[]) => readonly Value[];

/**
 * Elements of the largest weight that its adapter is merged into. Merging costs one pass over the weight and memory for a
 * copy, and saves passes over the rows. It pays off if a batch's rows, at most a few thousand, outnumber the weight's. 4
 * MiB; the weights of models with a billion parameters are larger and stay one mapped copy. Never in float16, where a
 * small adapter would be lost in the sum.
 */
export const mergedElements = 1 << 20;

/** Projects by x·(W + s·B·A)ᵀ + b, or by x·Wᵀ + s·(x·Aᵀ)·Bᵀ + b where W is large; s = alpha / rank. */
export function projection(tensors: Tensors, lora: LoraSpec | undefined): Projection {
  const sums = new Map<string, Value>(); // by module
  const product = (x: Value, { name, into, out, inOut }: LinearModule): Value => {
    const w = tensors(`${name}.weight`);
    const plain = inOut ? linearInOut : linear;
    const adapter = adapterOf(lora, name);
    if (adapter === undefined) return plain(x, w);
    const [a, b] = [tensors(adapterName(name, 'A')), tensors(adapterName(name, 'B'))];
    const { scale } = adapter;
    if (into * out <= mergedElements && w.graph.precision !== 'float16') {
      const merged = sums.get(name) ?? mergedWeight(w, { a, b, scale }, inOut);
      sums.set(name, merged);
      return adaptedLinear(x, merged, { a, b, scale }, inOut);
    }
    return add(plain(x, w), linear(linear(x, a), b, scale));
  };
  return (x, modules) =>
    modules.map((module) => {
      const y = product(x, module);
      return module.bias ? add(y, tensors(`${module.name}.bias`)) : y;
    });
}
