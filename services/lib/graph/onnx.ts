/**
 * The part of the ONNX file format that gapo writes: a protobuf schema of the fields in use, and the encoder.
 *
 * Field numbers are those of onnx.proto3 (IR version 10). Readers see omitted fields as unset.
 */
import { basename, dirname, isAbsolute } from 'node:path';
import protobuf from 'protobufjs';
import type { Attribute, Initializer, Node, Value } from './graph.js';

/** Opset of the standard operators in every model. */
const onnxOpset = 21;

const irVersion = 10;

/** The domain of the runtime's own operators, such as FusedMatMul. */
export const microsoftDomain = 'com.microsoft';

const field = (id: number, type: string, repeated = false) => ({
  id,
  type,
  ...(repeated ? { rule: 'repeated' as const } : {}),
});

const schema = protobuf.Root.fromJSON({
  nested: {
    AttributeProto: {
      fields: {
        name: field(1, 'string'),
        f: field(2, 'float'),
        i: field(3, 'int64'),
        s: field(4, 'bytes'),
        g: field(6, 'GraphProto'),
        ints: field(8, 'int64', true),
        type: field(20, 'int32'),
      },
    },
    NodeProto: {
      fields: {
        input: field(1, 'string', true),
        output: field(2, 'string', true),
        name: field(3, 'string'),
        opType: field(4, 'string'),
        attribute: field(5, 'AttributeProto', true),
        domain: field(7, 'string'),
      },
    },
    StringStringEntryProto: { fields: { key: field(1, 'string'), value: field(2, 'string') } },
    TensorProto: {
      fields: {
        dims: field(1, 'int64', true),
        dataType: field(2, 'int32'),
        name: field(8, 'string'),
        rawData: field(9, 'bytes'),
        externalData: field(13, 'StringStringEntryProto', true),
        dataLocation: field(14, 'int32'),
      },
    },
    Dimension: { fields: { dimValue: field(1, 'int64'), dimParam: field(2, 'string') } },
    TensorShapeProto: { fields: { dim: field(1, 'Dimension', true) } },
    TensorTypeProto: { fields: { elemType: field(1, 'int32'), shape: field(2, 'TensorShapeProto') } },
    TypeProto: { fields: { tensorType: field(1, 'TensorTypeProto') } },
    ValueInfoProto: { fields: { name: field(1, 'string'), type: field(2, 'TypeProto') } },
    GraphProto: {
      fields: {
        node: field(1, 'NodeProto', true),
        name: field(2, 'string'),
        initializer: field(5, 'TensorProto', true),
        input: field(11, 'ValueInfoProto', true),
        output: field(12, 'ValueInfoProto', true),
      },
    },
    OperatorSetIdProto: { fields: { domain: field(1, 'string'), version: field(2, 'int64') } },
    ModelProto: {
      fields: {
        irVersion: field(1, 'int64'),
        producerName: field(2, 'string'),
        graph: field(7, 'GraphProto'),
        opsetImport: field(8, 'OperatorSetIdProto', true),
      },
    },
  },
});

const modelProto = schema.lookupType('ModelProto');

/** ONNX's numbers for element types. */
export const elementTypes = { float32: 1, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11 } as const;

const attributeTypes = { float: 1, int: 2, string: 3, graph: 5, ints: 7 } as const;
const dataLocationExternal = 1;

/** The parts of a graph that the encoder writes. */
export interface GraphContent {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly initializers: readonly Initializer[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/** An encoded graph. */
export interface OnnxModel {
  readonly bytes: Uint8Array;
  /** The weights that it references by absolute file paths; undefined if there are none. */
  readonly mapped: MappedWeights | undefined;
}

/** Weights that stay in their files. */
export interface MappedWeights {
  /** The directory of all the files. */
  readonly directory: string;
  /** Their total size. */
  readonly bytes: number;
}

/** Encodes a graph as an ONNX model. @throws Error if its weights are in files of several directories */
export function encodeModel(graph: GraphContent): OnnxModel {
  const model = {
    irVersion,
    producerName: 'gapo',
    graph: graphMessage(graph),
    opsetImport: [
      { domain: '', version: onnxOpset },
      { domain: microsoftDomain, version: 1 },
    ],
  };
  return { bytes: modelProto.encode(modelProto.create(model)).finish(), mapped: mappedWeights(graph) };
}

function mappedWeights({ initializers }: GraphContent): MappedWeights | undefined {
  const files = initializers.flatMap(({ source }) =>
    'location' in source && isAbsolute(source.location) ? [source] : [],
  );
  const directories = [...new Set(files.map(({ location }) => dirname(location)))];
  if (directories.length > 1)
    throw new Error(`weights must be in files of one directory, found ${directories.join(', ')}`);
  const [directory] = directories;
  return directory === undefined
    ? undefined
    : { directory, bytes: files.reduce((total, { length }) => total + length, 0) };
}

function graphMessage(graph: GraphContent): object {
  return {
    name: graph.name,
    node: graph.nodes.map((node, index) => ({
      name: `${node.operator}_${index}`,
      opType: node.operator,
      domain: node.domain,
      input: node.inputs.map((value) => value?.name ?? ''),
      output: node.outputs.map((value) => value.name),
      attribute: Object.entries(node.attributes).map(([name, attribute]) => attributeMessage(name, attribute)),
    })),
    initializer: graph.initializers.map(tensorMessage),
    input: graph.inputs.map(valueMessage),
    output: graph.outputs.map(valueMessage),
  };
}

function attributeMessage(name: string, attribute: Attribute): object {
  switch (attribute.kind) {
    case 'int':
      return { name, type: attributeTypes.int, i: attribute.value };
    case 'ints':
      return { name, type: attributeTypes.ints, ints: attribute.value };
    case 'float':
      return { name, type: attributeTypes.float, f: attribute.value };
    case 'string':
      return { name, type: attributeTypes.string, s: Buffer.from(attribute.value) };
    case 'graph':
      return { name, type: attributeTypes.graph, g: graphMessage(attribute.value) };
  }
}

function tensorMessage(tensor: Initializer): object {
  const base = { name: tensor.name, dims: tensor.dims, dataType: elementTypes[tensor.dtype] };
  if ('location' in tensor.source) {
    const { location, offset, length } = tensor.source;
    return {
      ...base,
      dataLocation: dataLocationExternal,
      externalData: [
        { key: 'location', value: isAbsolute(location) ? basename(location) : location },
        { key: 'offset', value: String(offset) },
        { key: 'length', value: String(length) },
      ],
    };
  }
  const { data } = tensor.source;
  return { ...base, rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

function valueMessage(value: Value): object {
  return {
    name: value.name,
    type: {
      tensorType: {
        elemType: elementTypes[value.dtype],
        shape: {
          dim: value.dims.map((dim) => (typeof dim === 'number' ? { dimValue: dim } : { dimParam: dim })),
        },
      },
    },
  };
}
