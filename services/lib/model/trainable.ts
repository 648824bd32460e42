/**
 * What is trained of a policy: which tensors, in which order, how they start, and how they lie in one flat vector.
 *
 * Adapter tensors carry PEFT's names, so that a version is an adapter file as it is.
 */
import type { DecoderConfig } from './decoderConfig.js';
import { type DecoderTensor, type TensorShape, decoderLayout, decoderTensors, linearModules } from './decoderLayout.js';
import { philoxNormal, philoxUniform } from './initialization.js';
import type { NamedTensor } from './safetensors.js';
import { type Weight, elementsOf } from './weights.js';

/** Low-rank adapters (Hu et al. 2021, arXiv 2106.09685): y = x·Wᵀ + (alpha / rank)·(x·Aᵀ)·Bᵀ. */
export interface LoraSpec {
  readonly rank: number;
  readonly alpha: number;
  /** Module names or their last parts, as q_proj or attn.c_proj. */
  readonly targets: readonly string[];
}

/** What is trained. */
export interface TrainableSpec {
  /** Absent in full training. */
  readonly lora?: LoraSpec;
  /** Value heads on the last hidden state, one for each objective with GAE. */
  readonly valueHeads: number;
}

const peftPrefix = 'base_model.model.';

/** The value heads' weights [heads, width] and biases [heads]. */
export const valueHeadNames = { weight: 'value_head.weight', bias: 'value_head.bias' } as const;

/** The name of a module's adapter tensor. `module` is as model.layers.0.self_attn.q_proj. */
export function adapterName(module: string, part: 'A' | 'B'): string {
  return `${peftPrefix}${module}.lora_${part}.weight`;
}

/** Whether a module has an adapter. */
export function isTarget(lora: LoraSpec | undefined, module: string): boolean {
  return lora !== undefined && lora.targets.some((target) => module === target || module.endsWith(`.${target}`));
}

/** The trained tensors, in the order of a version's bytes and of every flat gradient. */
export function trainableTensors(config: DecoderConfig, spec: TrainableSpec): readonly TensorShape[] {
  const tensors: TensorShape[] = [];
  if (spec.lora === undefined) tensors.push(...decoderTensors(config));
  else {
    for (const layer of decoderLayout(config).layers) {
      for (const { name, into, out } of linearModules(layer)) {
        if (!isTarget(spec.lora, name)) continue;
        tensors.push({ name: adapterName(name, 'A'), shape: [spec.lora.rank, into] });
        tensors.push({ name: adapterName(name, 'B'), shape: [out, spec.lora.rank] });
      }
    }
  }
  if (spec.valueHeads > 0) {
    tensors.push({ name: valueHeadNames.weight, shape: [spec.valueHeads, config.width] });
    tensors.push({ name: valueHeadNames.bias, shape: [spec.valueHeads] });
  }
  return tensors;
}

/** Elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/**
 * The trained tensors at version 0: those that `base` has, as they are there (the weights in full training, an adapter
 * that is gone on with); otherwise A uniform in ±1/√in (Kaiming with a = √5, as PEFT), B and value heads zero, so that
 * the policy starts as the base model.
 */
export function initialTensors(
  config: DecoderConfig,
  spec: TrainableSpec,
  seed: number,
  base: ReadonlyMap<string, Weight>,
): readonly NamedTensor[] {
  return trainableTensors(config, spec).map(({ name, shape }, index) => {
    const given = base.get(name);
    if (given !== undefined) return { name, shape, data: Float32Array.from(elementsOf(given)) };
    if (!name.includes('.lora_A.')) return { name, shape, data: new Float32Array(sizeOf(shape)) };
    const bound = Math.sqrt(1 / (shape[1] as number));
    return { name, shape, data: philoxUniform(sizeOf(shape), seed, index, -bound, bound) };
  });
}

/** Fresh weights for a decoder trained from nothing: normal with standard deviation 0.02, residual outputs scaled by 1/√(2·layers), gains 1, biases 0. */
export function randomDecoder(
  config: DecoderConfig,
  seed: number,
  extra: readonly TensorShape[] = [],
): readonly NamedTensor[] {
  const deviation = 0.02;
  const fresh = (size: number, index: number, role: DecoderTensor['role']): Float32Array => {
    if (role === 'gain') return new Float32Array(size).fill(1);
    if (role === 'bias') return new Float32Array(size);
    const scale = role === 'residual' ? deviation / Math.sqrt(2 * config.layers) : deviation;
    return philoxNormal(size, seed, index, scale);
  };
  const heads = extra.map((tensor): DecoderTensor => ({ ...tensor, role: 'weight' }));
  return [...decoderTensors(config), ...heads].map(({ name, shape, role }, index) => ({
    name,
    shape,
    data: fresh(sizeOf(shape), index, role),
  }));
}

/** Views of a flat vector, one for each tensor, in order. Nothing is copied. */
export function split(flat: Float32Array, tensors: readonly TensorShape[]): readonly NamedTensor[] {
  let offset = 0;
  return tensors.map(({ name, shape }) => {
    const data = flat.subarray(offset, offset + sizeOf(shape));
    offset += data.length;
    return { name, shape, data };
  });
}

/** One flat vector of all tensors' elements, in order. */
export function flatten(tensors: readonly NamedTensor[]): Float32Array {
  return concatenated(tensors.map(({ data }) => data));
}

/** Arrays one after the other, in memory of their own. */
export function concatenated(arrays: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(arrays.reduce((total, { length }) => total + length, 0));
  let offset = 0;
  for (const array of arrays) {
    all.set(array, offset);
    offset += array.length;
  }
  return all;
}
