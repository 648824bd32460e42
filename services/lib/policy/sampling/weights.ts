/**
 * The linear maps of sampling: frozen maps that share an input are joined; adapters are separate products.
 *
 * A step multiplies few rows by every weight, so its cost is dominated by reading the weights. The runtime packs a constant
 * right operand for its kernel once, when the session opens. An operand that changes is packed before every product, which
 * costs as much as the product. So frozen weights stay constants, and adapters, which change with every version, are not
 * merged into them. Trained weights, and large ones that must not be copied, are left operands instead, W · xᵀ, which the
 * kernel reads without packing.
 */
import { type Dim, type Graph, type Value, emitBinary, emitMatmul, emitTranspose, splitLast } from '@gapo/graph';
import {
  type DecoderModel,
  type LinearModule,
  type LoraSpec,
  type TrainableSpec,
  adapterName,
  adapterOf,
  decoderLayout,
  trainableTensors,
} from '@gapo/model';
import type { Decoder } from '../decoder/blocks.js';
import { mergedElements } from '../decoder/linearMaps.js';
import { type Tensors, tensorSource } from '../decoder/tensorSource.js';

/** A decoder whose rows have one position each: it projects x [R, in] → [R, out]. */
export interface StepWeights extends Decoder {
  /** x [R, width] · weightᵀ → [R, out], a tensor [out, width] by its name. */
  readonly product: (x: Value, name: string) => Value;
}

/** Declares a graph's weights: frozen tensors are constants, trained ones inputs. */
export function stepWeights(graph: Graph, model: DecoderModel, spec: TrainableSpec): StepWeights {
  const { tensors, parameters } = tensorSource(graph, trainableTensors(model.config, spec), model.weights);
  const joints = new Map<string, LinearMap>();
  const isSmall = (modules: readonly LinearModule[]): boolean =>
    modules.every(({ name }) => !parameters.has(`${name}.weight`)) &&
    modules.reduce((total, { out, into }) => total + out * into, 0) <= mergedElements;
  const linearMap = (modules: readonly LinearModule[]): LinearMap => {
    const key = modules.map(({ name }) => name).join();
    const map = joints.get(key) ?? jointMap(graph, modules, spec.lora, tensors, isSmall(modules));
    joints.set(key, map);
    return map;
  };
  return {
    config: model.config,
    layout: decoderLayout(model.config),
    tensors,
    project: (x, modules) => {
      if (modules.length === 1 || !isSmall(modules)) return modules.map((module) => applied(x, linearMap([module])));
      const widths = modules.map(({ out }) => out);
      return splitLast(applied(x, linearMap(modules)), widths);
    },
    product: (x, name) => {
      const weight = tensors(name);
      const [out, into] = weight.dims as readonly [number, number];
      const constant = !parameters.has(name) && out * into <= mergedElements;
      return times(x, { weight, constant });
    },
  };
}

/** Modules that share an input as one linear map: x · weightᵀ + bias + scale · x · downᵀ · up. */
interface LinearMap {
  readonly weight: Value; // [Σ out, in]
  /** Whether the runtime packs the weight once, when the session opens. */
  readonly constant: boolean;
  readonly bias: Value | undefined; // [Σ out]
  readonly adapter: { readonly down: Value; readonly up: Value; readonly scale: number } | undefined; // [Σ rank, in], [Σ rank, Σ out]
}

/** Joins modules outside the loop. The runtime folds what depends only on constants when the session opens. */
function jointMap(
  graph: Graph,
  modules: readonly LinearModule[],
  lora: LoraSpec | undefined,
  tensors: Tensors,
  constant: boolean,
): LinearMap {
  const out = modules.reduce((total, module) => total + module.out, 0);
  const into = modules[0]?.into ?? 0;
  const weights = modules.map(({ name, inOut }) => {
    const weight = tensors(`${name}.weight`);
    return inOut ? emitTranspose(weight, [1, 0]) : weight; // [out, in]
  });
  const biases = modules.filter(({ bias }) => bias).map(({ name }) => tensors(`${name}.bias`)); // all or none
  return {
    weight: stacked(graph, weights, [out, into]),
    constant,
    bias: biases.length === 0 ? undefined : stacked(graph, biases, [out]),
    adapter: lora && jointAdapter(graph, modules, lora, tensors),
  };
}

/** Joins the adapters of modules: `up` is block-diagonal. */
function jointAdapter(
  graph: Graph,
  modules: readonly LinearModule[],
  lora: LoraSpec,
  tensors: Tensors,
): LinearMap['adapter'] {
  const targets = modules.flatMap((module) => {
    const adapter = adapterOf(lora, module.name);
    return adapter === undefined ? [] : [{ module, ...adapter }];
  });
  const [first] = targets;
  if (first === undefined) return undefined;
  const scale = targets.every((target) => target.scale === first.scale) ? first.scale : 1;
  const out = modules.reduce((total, module) => total + module.out, 0);
  const downs = targets.map(({ module }) => tensors(adapterName(module.name, 'A'))); // [rank, in]
  const ups = targets.map(({ module, scale: own }) => {
    const plain = emitTranspose(tensors(adapterName(module.name, 'B')), [1, 0]); // [rank, out]
    const up = own === scale ? plain : emitBinary('Mul', plain, graph.constant(own));
    const before = modules.slice(0, modules.indexOf(module)).reduce((total, other) => total + other.out, 0);
    return padded(up, before, out - before - module.out); // [rank, Σ out]
  });
  const rank = targets.reduce((total, target) => total + target.rank, 0);
  return {
    down: stacked(graph, downs, [rank, modules[0]?.into ?? 0]),
    up: stacked(graph, ups, [rank, out]),
    scale,
  };
}

function applied(x: Value, map: LinearMap): Value {
  const product = times(x, map);
  const y = map.bias === undefined ? product : emitBinary('Add', product, map.bias);
  if (map.adapter === undefined) return y;
  const { down, up, scale } = map.adapter;
  const low = emitMatmul(x, down, { transB: true }); // [R, Σ rank]
  // One node for scale · low · up + y.
  const alpha = { kind: 'float', value: scale } as const;
  return y.graph.emit('Gemm', [low, up, y], { dtype: y.dtype, dims: y.dims }, { alpha });
}

/** x [R, in] · weightᵀ → [R, out]. */
function times(x: Value, { weight, constant }: Pick<LinearMap, 'weight' | 'constant'>): Value {
  if (constant) return emitMatmul(x, weight, { transB: true });
  return emitTranspose(emitMatmul(weight, x, { transB: true }), [1, 0]);
}

/** Concatenates tensors along their first axis. */
function stacked(graph: Graph, parts: readonly Value[], dims: readonly Dim[]): Value {
  const axis = { axis: { kind: 'int', value: 0 } } as const;
  return parts.length === 1 ? (parts[0] as Value) : graph.emit('Concat', parts, { dtype: graph.float, dims }, axis);
}

/** Pads x [rows, columns] with columns of zeros. */
function padded(x: Value, before: number, after: number): Value {
  if (before + after === 0) return x;
  const [rows, columns] = x.dims as readonly [number, number];
  const pads = x.graph.integers([0, before, 0, after]);
  return x.graph.emit('Pad', [x, pads], { dtype: x.dtype, dims: [rows, before + columns + after] });
}
