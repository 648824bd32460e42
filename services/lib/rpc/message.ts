// Encoded responses. A tensor chunk is encoded without copying it: its framing is a few bytes in front of the tensor's own.
/**
 * The bytes of a message, in parts. grpc-js only reads the length of a serialised message and copies the message after the frame's five
 * bytes (serializeMessage of version 1.14 in https://github.com/grpc/grpc-node/blob/master/packages/grpc-js/src/server-interceptors.ts),
 * and that is when the parts are joined: one copy per receiver, and none while a message is queued.
 */
export class EncodedMessage implements Pick<Buffer, 'byteLength'> {
  readonly parts: readonly Buffer[];
  readonly byteLength: number;

  constructor(parts: readonly Buffer[]) {
    this.parts = parts;
    this.byteLength = parts.reduce((total, { byteLength }) => total + byteLength, 0);
  }

  /** Copies all bytes into a buffer. Returns their number. */
  copy(target: Uint8Array, targetStart = 0): number {
    let at = targetStart;
    for (const part of this.parts) at += part.copy(target, at);
    return at - targetStart;
  }
}

/** Returns the message itself. The types of grpc-js demand a Buffer. */
export function serialized(message: EncodedMessage): Buffer {
  return message as unknown as Buffer;
}

/** A method of a service definition, with what proto-loader adds to the definition of grpc-js. */
export interface EncodableMethod {
  responseSerialize(response: object): Buffer;
  readonly responseType: {
    readonly type: { readonly field: readonly { name: string; number: number; typeName: string }[] };
  };
}

/** Returns the encoder of a method's responses. The encoder throws protobufjs's error for a response that does not fit its message. */
export function responseEncoder(method: EncodableMethod): (response: object) => EncodedMessage {
  const chunk = method.responseType.type.field.find(({ typeName }) => typeName.endsWith('tensor.v1.TensorChunk'));
  return (response) => {
    const carried = chunk && onlyChunk(response, chunk.name);
    if (!carried) return new EncodedMessage([method.responseSerialize(response)]);
    const data = Buffer.from(carried.data.buffer, carried.data.byteOffset, carried.data.byteLength);
    return new EncodedMessage([chunkHead(chunk.number, carried.offset, data.byteLength), data]);
  };
}

/** Number of responses whose bytes are kept, because receivers get a response one after another. */
const mostKept = 16;

/** Returns an encoder that keeps the bytes of the last responses, for objects sent to many callers. */
export function encodedOnce(encode: (response: object) => EncodedMessage): (response: object) => EncodedMessage {
  const kept = new Map<object, EncodedMessage>();
  return (response) => {
    const known = kept.get(response);
    if (known !== undefined) return known;
    const encoded = encode(response);
    const [oldest] = kept.keys();
    if (kept.size >= mostKept && oldest !== undefined) kept.delete(oldest);
    kept.set(response, encoded);
    return encoded;
  };
}

interface Carried {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** Returns the chunk of a response that has no other field; undefined for other responses. */
function onlyChunk(response: object, name: string): Carried | undefined {
  let chunk: Partial<Carried> | null | undefined;
  for (const [key, value] of Object.entries(response) as [string, Partial<Carried> | null | undefined][]) {
    if (key === name) chunk = value;
    else if (value !== undefined && value !== null) return undefined;
  }
  const { offset = NaN, data } = chunk ?? {};
  return Number.isSafeInteger(offset) && offset >= 0 && data instanceof Uint8Array && data.length > 0
    ? { offset, data }
    : undefined;
}

/** Wire types of https://protobuf.dev/programming-guides/encoding/#structure. */
const wireType = { varint: 0, lengthDelimited: 2 };
const tag = (field: number, type: number): number => field * 8 + type;
/** The fields of gapo.tensor.v1.TensorChunk. */
const chunkField = { offset: 1, data: 2 };

/** Returns the bytes before the tensor's own: the field's tag and length, the offset, the tag and length of the data. */
function chunkHead(field: number, offset: number, length: number): Buffer {
  const { varint: number, lengthDelimited } = wireType;
  const inner = [
    tag(chunkField.offset, number),
    ...varint(offset),
    tag(chunkField.data, lengthDelimited),
    ...varint(length),
  ];
  return Buffer.from([...varint(tag(field, lengthDelimited)), ...varint(inner.length + length), ...inner]);
}

/** Encodes an unsigned integer in groups of seven bits, lowest first. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
}
