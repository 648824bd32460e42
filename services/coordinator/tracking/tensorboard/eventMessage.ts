/**
 * TensorBoard's Event message (tensorboard/compat/proto/event.proto), limited to the fields written here. Readers see the others as unset.
 */
import protobuf from 'protobufjs';

const field = (id: number, type: string, repeated = false) => ({
  id,
  type,
  ...(repeated ? { rule: 'repeated' as const } : {}),
});

const schema = protobuf.Root.fromJSON({
  nested: {
    Event: {
      oneofs: { what: { oneof: ['fileVersion', 'summary', 'sessionLog'] } },
      fields: {
        wallTime: field(1, 'double'),
        step: field(2, 'int64'),
        fileVersion: field(3, 'string'),
        summary: field(5, 'Summary'),
        sessionLog: field(7, 'SessionLog'),
      },
    },
    Summary: { fields: { value: field(1, 'Value', true) } },
    Value: {
      oneofs: { what: { oneof: ['simpleValue', 'tensor'] } },
      fields: {
        tag: field(1, 'string'),
        simpleValue: field(2, 'float'),
        tensor: field(8, 'Tensor'),
        metadata: field(9, 'Metadata'),
      },
    },
    Metadata: { fields: { pluginData: field(1, 'PluginData') } },
    PluginData: { fields: { pluginName: field(1, 'string') } },
    Tensor: { fields: { dtype: field(1, 'int32'), shape: field(2, 'Shape'), stringVal: field(8, 'bytes', true) } },
    Shape: { fields: { dim: field(2, 'Dim', true) } },
    Dim: { fields: { size: field(1, 'int64') } },
    SessionLog: { fields: { status: field(1, 'int32') } },
  },
});

const message = schema.lookupType('Event');

/** A scalar, or Markdown text. */
export type EventValue =
  { readonly tag: string; readonly scalar: number } | { readonly tag: string; readonly text: string };

/** An event in a file. */
export interface TensorboardEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  /** The file's first event has the version of the format. */
  readonly fileVersion?: string;
  /** Whether readers discard points that they have already read for this and later steps. */
  readonly restarts?: boolean;
  readonly values?: readonly EventValue[];
}

/** TensorFlow's DT_STRING. */
const stringType = 7;
/** SessionLog's START. */
const sessionStart = 1;

/** Returns an event's bytes. */
export function encodeTensorboardEvent({
  wallTime,
  step,
  fileVersion,
  restarts,
  values,
}: TensorboardEvent): Uint8Array {
  const content = {
    wallTime,
    ...(step !== 0 && { step }), // the default is omitted, as TensorFlow does
    ...(fileVersion !== undefined && { fileVersion }),
    ...(restarts === true && { sessionLog: { status: sessionStart } }),
    ...(values !== undefined && { summary: { value: values.map(valueMessage) } }),
  };
  return message.encode(message.fromObject(content)).finish();
}

function valueMessage(value: EventValue): object {
  const { tag } = value;
  if ('scalar' in value) {
    return { tag, simpleValue: value.scalar, metadata: { pluginData: { pluginName: 'scalars' } } };
  }
  const tensor = { dtype: stringType, shape: { dim: [{ size: 1 }] }, stringVal: [Buffer.from(value.text)] };
  return { tag, tensor, metadata: { pluginData: { pluginName: 'text' } } };
}

interface DecodedValue {
  readonly tag: string;
  readonly simpleValue?: number;
  readonly tensor?: { readonly stringVal: readonly Uint8Array[] };
}

/**
 * Reads an event's bytes.
 *
 * @throws Error if they are not a valid event
 */
export function decodeTensorboardEvent(bytes: Uint8Array): TensorboardEvent {
  const decoded = message.toObject(message.decode(bytes), { longs: Number, defaults: false }) as {
    wallTime?: number;
    step?: number;
    fileVersion?: string;
    sessionLog?: { status?: number };
    summary?: { value?: readonly DecodedValue[] };
  };
  const { wallTime = 0, step = 0, fileVersion, sessionLog, summary } = decoded;
  const values = summary?.value?.map(({ tag, simpleValue, tensor }): EventValue =>
    tensor === undefined
      ? { tag, scalar: simpleValue ?? 0 }
      : { tag, text: Buffer.from(tensor.stringVal[0] ?? []).toString() },
  );
  return {
    wallTime,
    step,
    ...(fileVersion !== undefined && { fileVersion }),
    ...(sessionLog?.status === sessionStart && { restarts: true }),
    ...(values !== undefined && { values }),
  };
}
