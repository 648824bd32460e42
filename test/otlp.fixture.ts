/** Decodes traces in OTLP's binary format, sent by exporters in other languages, to its JSON format. */
import protobuf from 'protobufjs';

const field = (id: number, type: string, repeated = false) => ({
  id,
  type,
  ...(repeated ? { rule: 'repeated' as const } : {}),
});

/** The fields that tests read, with the numbers of opentelemetry/proto/trace/v1/trace.proto. */
const schema = protobuf.Root.fromJSON({
  nested: {
    TracesData: { fields: { resourceSpans: field(1, 'ResourceSpans', true) } },
    ResourceSpans: { fields: { resource: field(1, 'Resource'), scopeSpans: field(2, 'ScopeSpans', true) } },
    Resource: { fields: { attributes: field(1, 'KeyValue', true) } },
    ScopeSpans: { fields: { spans: field(2, 'Span', true) } },
    Span: {
      fields: {
        traceId: field(1, 'bytes'),
        spanId: field(2, 'bytes'),
        parentSpanId: field(4, 'bytes'),
        name: field(5, 'string'),
        startTimeUnixNano: field(7, 'fixed64'),
        endTimeUnixNano: field(8, 'fixed64'),
        attributes: field(9, 'KeyValue', true),
      },
    },
    KeyValue: { fields: { key: field(1, 'string'), value: field(2, 'AnyValue') } },
    AnyValue: { fields: { stringValue: field(1, 'string'), intValue: field(3, 'int64') } },
  },
});

/** Ids are bytes here but hexadecimal digits in JSON. */
const idNames = new Set(['traceId', 'spanId', 'parentSpanId']);

/** Returns the body of an export in the form that JSON.parse would give. */
export function decodeTraces(bytes: Buffer): unknown {
  const type = schema.lookupType('TracesData');
  const plain = type.toObject(type.decode(bytes), { longs: String, bytes: String });
  return JSON.parse(JSON.stringify(plain), (key, value: unknown) =>
    idNames.has(key) && typeof value === 'string' ? Buffer.from(value, 'base64').toString('hex') : value,
  );
}
