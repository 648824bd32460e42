/** The inputs of a classifier's model, with the names and types used by exporters. */
import type { TensorArray, TensorInfo } from '@gapo/graph';
import { ModelError } from '@gapo/model';
import { shapeText } from '@gapo/numeric';
import type { Feeds } from './feeds.js';
import type { FixedDims } from './runShape.js';

const requiredInputs = ['input_ids', 'attention_mask'];
const optionalInputs = ['token_type_ids', 'position_ids'];

/** Converts an input's elements from int64 to a type. */
const conversions: Readonly<Record<string, (values: BigInt64Array) => TensorArray['data']>> = {
  int64: (values) => values,
  int32: (values) => Int32Array.from(values, Number),
  bool: (values) => Uint8Array.from(values, Number),
  float32: (values) => Float32Array.from(values, Number),
  float64: (values) => Float64Array.from(values, Number),
  // 1 in IEEE 754 binary16. Only masks are floats.
  float16: (values) => Uint16Array.from(values, (value) => (value === 0n ? 0 : 0x3c00)),
};

/** The types of ids and positions; a mask may have any of the conversions'. */
const wholeTypes = ['int64', 'int32'];

/**
 * Checks the names, the types and the number of dimensions of a model's inputs.
 *
 * @returns the fixed dimensions
 * @throws ModelError stating the inputs of a classifier
 */
export function checkedInputs(path: string, inputs: readonly TensorInfo[]): FixedDims {
  const names = inputs.map(({ name }) => name);
  const lacking = requiredInputs.filter((name) => !names.includes(name));
  const surplus = names.filter((name) => !requiredInputs.includes(name) && !optionalInputs.includes(name));
  if (lacking.length + surplus.length > 0) {
    const expected = `${requiredInputs.join(', ')} and optionally ${optionalInputs.join(', ')}`;
    throw new ModelError(path, `has the inputs ${names.join(', ')}; a classifier has ${expected}`);
  }
  for (const { name, type, dims } of inputs) {
    const types = name === 'attention_mask' ? Object.keys(conversions) : wholeTypes;
    if (!types.includes(type)) {
      throw new ModelError(path, `has ${name} of type ${type}; export it as ${types.join(' or ')}`);
    }
    if (dims.length !== 2) {
      throw new ModelError(path, `has ${name} of shape ${shapeText(dims)}; a classifier's inputs are [rows, length]`);
    }
  }
  const fixed = (axis: number): number | undefined => {
    const sizes = new Set(inputs.flatMap(({ dims }) => (typeof dims[axis] === 'number' ? [dims[axis]] : [])));
    if (sizes.size > 1) throw new ModelError(path, `has inputs of different sizes: ${[...sizes].join(' and ')}`);
    return [...sizes][0];
  };
  return { rows: fixed(0), length: fixed(1) };
}

/** Returns a run's tensors, named and typed as the model's inputs. */
export function namedTensors(
  { rows, length, ids, mask, segments }: Feeds,
  inputs: readonly TensorInfo[],
): Readonly<Record<string, TensorArray>> {
  const positions = (): BigInt64Array => BigInt64Array.from({ length: rows * length }, (_, i) => BigInt(i % length));
  const values: Readonly<Record<string, () => BigInt64Array>> = {
    input_ids: () => ids,
    attention_mask: () => mask,
    token_type_ids: () => segments,
    position_ids: positions,
  };
  return Object.fromEntries(
    inputs.flatMap(({ name, type }) => {
      const [value, convert] = [values[name], conversions[type]];
      return value === undefined || convert === undefined
        ? []
        : [[name, { data: convert(value()), dims: [rows, length] }]];
    }),
  );
}
