/**
 * The trained tensors of a policy, in the order of its flat vectors, and their initial values.
 *
 * Adapter tensors have PEFT's names, so that a version can be written as an adapter file without renaming.
 */
import { at } from '@gapo/numeric';
import type { DecoderConfig } from '../decoderConfig.js';
import {
  type DecoderTensor,
  type TensorShape,
  decoderLayout,
  decoderTensors,
  linearModules,
  neutralGain,
} from '../decoderLayout.js';
import { philoxNormal, philoxUniform } from '../weights/initialization.js';
import { type Weight, elementsOf } from '../weights/storedTensors.js';
import { type NamedTensor, sizeOf } from '../weights/tensors.js';

/** Low-rank adapters (Hu et al. 2021, arXiv 2106.09685): y = x·Wᵀ + (alpha / rank)·(x·Aᵀ)·Bᵀ. */
export interface LoraSpec {
  readonly rank: number;
  readonly alpha: number;
  /** Module names or their last parts, such as q_proj or attn.c_proj. */
  readonly targets: readonly string[];
  /** The targets with their own rank or alpha. @default none */
  readonly exceptions?: readonly LoraException[];
}

/** A module whose adapter has its own rank or alpha. */
export interface LoraException {
  /** For example model.layers.0.self_attn.q_proj. */
  readonly module: string;
  readonly rank: number;
  readonly alpha: number;
}

/** The adapter of a module. */
export interface ModuleAdapter {
  readonly rank: number;
  /** Multiplies its output: alpha / rank. */
  readonly scale: number;
}

/** Which parts of a policy are trained. */
export interface TrainableSpec {
  /** Absent in full training. */
  readonly lora?: LoraSpec;
  /** Value heads on the last hidden state, one per objective with GAE. */
  readonly valueHeads: number;
}

const peftPrefix = 'base_model.model.';

/** The names of the value heads' weights [heads, width] and biases [heads]. */
export const valueHeadNames = { weight: 'value_head.weight', bias: 'value_head.bias' } as const;

/** Returns the name of an adapter tensor of a module such as model.layers.0.self_attn.q_proj. */
export function adapterName(module: string, part: 'A' | 'B'): string {
  return `${peftPrefix}${module}.lora_${part}.weight`;
}

/** Whether a module has an adapter. */
export function isTarget({ targets }: Pick<LoraSpec, 'targets'>, module: string): boolean {
  return targets.some((target) => module === target || module.endsWith(`.${target}`));
}

/** Returns the adapter of a module; undefined if it has none. */
export function adapterOf(lora: LoraSpec | undefined, module: string): ModuleAdapter | undefined {
  if (lora === undefined || !isTarget(lora, module)) return undefined;
  const { rank, alpha } = lora.exceptions?.find((exception) => exception.module === module) ?? lora;
  return { rank, scale: alpha / rank };
}

/** Lists the trained tensors, in the order of a version's bytes and of every flat gradient. */
export function trainableTensors(config: DecoderConfig, spec: TrainableSpec): readonly TensorShape[] {
  const tensors: TensorShape[] = [];
  if (spec.lora === undefined) tensors.push(...decoderTensors(config));
  else {
    for (const layer of decoderLayout(config).layers) {
      for (const { name, into, out } of linearModules(layer)) {
        const adapter = adapterOf(spec.lora, name);
        if (adapter === undefined) continue;
        tensors.push({ name: adapterName(name, 'A'), shape: [adapter.rank, into] });
        tensors.push({ name: adapterName(name, 'B'), shape: [out, adapter.rank] });
      }
    }
  }
  if (spec.valueHeads > 0) {
    tensors.push({ name: valueHeadNames.weight, shape: [spec.valueHeads, config.width] });
    tensors.push({ name: valueHeadNames.bias, shape: [spec.valueHeads] });
  }
  return tensors;
}

/**
 * Returns the trained tensors at version 0: copies of those in `base` (the weights in full training, or the adapter that
 * the run starts from). The initial values of the others make the policy equal to the base model: A uniform in ±1/√in
 * (Kaiming with a = √5, as in PEFT), B and the value heads zero.
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
    const bound = Math.sqrt(1 / at(shape, 1));
    return { name, shape, data: philoxUniform(sizeOf(shape), seed, index, -bound, bound) };
  });
}

/**
 * Draws weights for a decoder that is trained from scratch: normal with standard deviation 0.02, residual outputs scaled by
 * 1/√(2·layers), gains neutral, biases 0.
 */
export function randomDecoder(
  config: DecoderConfig,
  seed: number,
  extra: readonly TensorShape[] = [],
): readonly NamedTensor[] {
  const deviation = 0.02;
  const fresh = (size: number, index: number, role: DecoderTensor['role']): Float32Array => {
    if (role === 'gain') return new Float32Array(size).fill(neutralGain(config));
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
