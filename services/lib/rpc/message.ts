// Responses as bytes. What carries a tensor's chunk is never copied to encode it: its few bytes of framing go before the tensor's own.
/**
 * A message as its bytes, in parts. grpc-js asks a serialised message for its length and has it copied behind the frame's five bytes,
 * nothing else (serializeMessage of version 1.14 in
 * https://github.com/grpc/grpc-node/blob/master/packages/grpc-js/src/server-interceptors.ts), which is when the parts
 * come together: one copy for each receiver, and none while a message waits for its turn.
 */
export class EncodedMessage implements Pick<Buffer, 'byteLength'> {
  readonly parts: readonly Buffer[];
  readonly byteLength: number;

  constructor(parts: readonly Buffer[]) {
    this.parts = parts;
    this.byteLength = parts.reduce((total, { byteLength }) => total + byteLength, 0);
  }

  /** Copies all bytes to a place in a buffer; returns how many. */
  copy(target: Uint8Array, targetStart = 0): number {
    let at = targetStart;
    for (const part of this.parts) at += part.copy(target, at);
    return at - targetStart;
  }
}

/** The identity, for grpc-js, whose types ask for a Buffer. */
export function serialized(message: EncodedMessage): Buffer {
  return message as unknown as Buffer;
}

/** A method of a service definition, with what proto-loader knows of it beyond what grpc-js needs. */
export interface EncodableMethod {
  responseSerialize(response: object): Buffer;
  readonly responseType: {
    readonly type: { readonly field: readonly { name: string; number: number; typeName: string }[] };
  };
}

/** An encoder of a method's responses. It throws what protobufjs says of a response that does not fit its message. */
export function responseEncoder(method: EncodableMethod): (response: object) => EncodedMessage {
  const chunk = method.responseType.type.field.find(({ typeName }) => typeName.endsWith('tensor.v1.TensorChunk'));
  return (response) => {
    const carried = chunk && onlyChunk(response, chunk.name);
    if (!carried) return new EncodedMessage([method.responseSerialize(response)]);
    const data = Buffer.from(carried.data.buffer, carried.data.byteOffset, carried.data.byteLength);
    return new EncodedMessage([chunkHead(chunk.number, carried.offset, data.byteLength), data]);
  };
}

interface Carried {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** The chunk of a response that has nothing else. */
function onlyChunk(response: object, name: string): Carried | undefined {
  let chunk: Partial<Carried> | null | undefined;
  for (const [key, value] of Object.entries(response) as [string, Partial<Carried> | null | undefined][]) {
    if (key === name) chunk = value;
    else if (value !== undefined && value !== null) return undefined;
  }
  const { offset, data } = chunk ?? {};
  return Number.isSafeInteger(offset) && offset! >= 0 && data instanceof Uint8Array && data.length > 0
    ? { offset: offset!, data }
    : undefined;
}

/** Wire types of https://protobuf.dev/programming-guides/encoding/#structure. */
const [VARINT, LENGTH_DELIMITED] = [0, 2];
const tag = (field: number, type: number): number => field * 8 + type;
/** The fields of gapo.tensor.v1.TensorChunk. */
const [OFFSET, DATA] = [1, 2];

/** Everything before the tensor's bytes: the field's tag and length, the offset, the tag and length of the data. */
function chunkHead(field: number, offset: number, length: number): Buffer {
  const inner = [tag(OFFSET, VARINT), ...varint(offset), tag(DATA, LENGTH_DELIMITED), ...varint(length)];
  return Buffer.from([...varint(tag(field, LENGTH_DELIMITED)), ...varint(inner.length + length), ...inner]);
}

/** An unsigned integer in groups of seven bits, the lowest first. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
}
