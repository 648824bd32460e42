/** Messages of every service as bytes, decoded as by the servers, and the tensors in them. */
import {
  fromTensor,
  TensorAssembler,
  toJson,
  type MessageName,
  type TensorChunk,
  type TensorHeader,
  type Tensor,
} from '@gapo/rpc';
import { messageDefinition, packageDefinition } from '@gapo/rpc/testing';
import fc from 'fast-check';
import { damagedBytes } from '../mutations/bytes.js';
import { type OpenTarget, target } from '../target.js';

/** The parts of a google.protobuf.DescriptorProto used to build an example. */
interface Descriptor {
  readonly field: readonly {
    readonly name: string;
    readonly type: string;
    readonly typeName: string;
    readonly label: string;
  }[];
  readonly nestedType: readonly (Descriptor & {
    readonly name: string;
    readonly options: { readonly mapEntry: boolean } | null;
  })[];
}

const definitions = packageDefinition();
const names = Object.entries(definitions).flatMap(([name, definition]) =>
  'serialize' in definition && !name.startsWith('grpc.') ? [name] : [],
);

/** Returns the full name of a type that a message refers to. */
function resolved(typeName: string, scope: string): string | undefined {
  for (let within = scope; within !== ''; within = within.slice(0, Math.max(0, within.lastIndexOf('.')))) {
    if (`${within}.${typeName}` in definitions) return `${within}.${typeName}`;
  }
  return typeName in definitions ? typeName : undefined;
}

/** Returns an encoded message with a value in every field. */
export function example(name: string): Buffer {
  return messageDefinition(name).serialize(exampleOf(name, 3));
}

function exampleOf(name: string, depth: number): Readonly<Record<string, unknown>> {
  const { field: fields, nestedType } = messageDefinition(name).type as unknown as Descriptor;
  const members = fields.flatMap(({ name: key, type, typeName, label }): [string, unknown][] => {
    const entry = nestedType.find(({ name: nested, options }) => nested === typeName && options?.mapEntry === true);
    if (entry !== undefined) return [[key, entry.field[1]?.type === 'TYPE_DOUBLE' ? { helpful: 0.5, text: 1 } : {}]];
    const inner = type === 'TYPE_MESSAGE' ? resolved(typeName, name) : undefined;
    if (type === 'TYPE_MESSAGE' && (inner === undefined || depth === 0)) return [];
    const value = inner === undefined ? scalar(type) : exampleOf(inner, depth - 1);
    return [[key, label === 'LABEL_REPEATED' ? [value, value] : value]];
  });
  return Object.fromEntries(members);
}

function scalar(type: string): unknown {
  if (type === 'TYPE_STRING') return 'text';
  if (type === 'TYPE_BYTES') return Buffer.from([0, 0, 128, 63]);
  if (type === 'TYPE_BOOL') return true;
  return type === 'TYPE_DOUBLE' || type === 'TYPE_FLOAT' ? 0.5 : 1;
}

/**
 * The errors of protobufjs for bytes that are not a message, or for a map entry without a value, which grpc-js returns as INTERNAL.
 */
const isDecodeError = (error: unknown): boolean =>
  error instanceof Error &&
  /invalid (wire type|varint)|index out of range|invalid (tag|end group)|illegal|no such|nesting depth|cannot read properties of null/i.test(
    error.message,
  );

export const messages: OpenTarget = async () =>
  target(
    fc.constantFrom(...names).chain((name) => damagedBytes([example(name)]).map((bytes) => ({ name, bytes }))),
    ({ name, bytes }) => {
      const message = messageDefinition(name).deserialize(bytes);
      // JSON has no date beyond the year 275760: toJson refuses such a Timestamp.
      if (!JSON.stringify(message).includes('"seconds"')) toJson(name as MessageName, message as never);
    },
    { expects: isDecodeError },
  );

export const tensors: OpenTarget = async () =>
  target(
    fc.tuple(
      damagedBytes([example('gapo.tensor.v1.Tensor'), tensorOf([1]), tensorOf([])]),
      fc.array(damagedBytes([headerOf([1]), headerOf([2, 2]), headerOf([2 ** 45])]), { maxLength: 3 }),
      fc.array(damagedBytes([chunkOf(0, 4), chunkOf(4, 16)]), { maxLength: 3 }),
    ),
    ([tensor, headers, chunks]) => {
      const decode = (name: string, bytes: Buffer): object => messageDefinition(name).deserialize(bytes);
      const assembler = new TensorAssembler(
        headers.map((bytes) => decode('gapo.tensor.v1.TensorHeader', bytes) as TensorHeader),
      );
      for (const bytes of chunks) assembler.add(decode('gapo.tensor.v1.TensorChunk', bytes) as TensorChunk);
      assembler.finish();
      fromTensor(decode('gapo.tensor.v1.Tensor', tensor) as Tensor);
    },
    { expects: isDecodeError },
  );

const encode = (name: string, message: object): Buffer => messageDefinition(name).serialize(message);

function headerOf(shape: readonly number[]): Buffer {
  return encode('gapo.tensor.v1.TensorHeader', { name: 'a', dtype: 'DATA_TYPE_F32', shape });
}

function chunkOf(offset: number, bytes: number): Buffer {
  return encode('gapo.tensor.v1.TensorChunk', { offset, data: Buffer.alloc(bytes) });
}

function tensorOf(shape: readonly number[]): Buffer {
  const header = { name: 'a', dtype: 'DATA_TYPE_F32', shape };
  return encode('gapo.tensor.v1.Tensor', { header, data: Buffer.alloc(4) });
}
