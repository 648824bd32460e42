/** An OTLP/HTTP receiver for a test or benchmark: keeps the spans sent by services. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeTraces } from './otlp.fixture.js';

/** A received span. */
export interface Span {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  /** Nanoseconds since 1970, in decimal digits. */
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: ReadonlyMap<string, unknown>;
}

/** Returns the parent → child edges of a trace, as `service:span -> service:span`. */
export function edgesOf(spans: readonly Span[], traceId: string): ReadonlySet<string> {
  const own = spans.filter((span) => span.traceId === traceId);
  const byId = new Map(own.map((span) => [span.spanId, span]));
  return new Set(
    own.flatMap((span) => {
      const parent = byId.get(span.parentSpanId ?? '');
      return parent === undefined ? [] : [`${parent.service}:${parent.name} -> ${span.service}:${span.name}`];
    }),
  );
}

interface OtlpValue {
  readonly stringValue?: string;
  readonly intValue?: string | number;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values: readonly OtlpValue[] };
}

function valueOf({ stringValue, intValue, doubleValue, arrayValue }: OtlpValue): unknown {
  return stringValue ?? doubleValue ?? arrayValue?.values.map(valueOf) ?? Number(intValue);
}

interface OtlpBody {
  readonly resourceSpans?: readonly {
    readonly resource: { readonly attributes: readonly { readonly key: string; readonly value: OtlpValue }[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<Span, 'service' | 'attributes'> & {
        readonly attributes?: readonly { readonly key: string; readonly value: OtlpValue }[];
      })[];
    }[];
  }[];
}

/** Receives spans. */
export interface Receiver {
  /** The environment that sends a service's spans here. */
  readonly env: Readonly<Record<string, string>>;
  /** All spans received so far. Services flush their spans before they exit. */
  readonly spans: readonly Span[];
  /** The requests as they arrived, JSON. */
  readonly bodies: readonly string[];
  close(): void;
}

/** Starts a receiver on a free port of 127.0.0.1. */
export async function startReceiver(): Promise<Receiver> {
  const spans: Span[] = [];
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const sent = Buffer.concat(chunks);
      const binary = request.headers['content-type'] === 'application/x-protobuf';
      const text = binary ? JSON.stringify(decodeTraces(sent)) : sent.toString('utf8');
      bodies.push(text);
      for (const { resource, scopeSpans } of (JSON.parse(text) as OtlpBody).resourceSpans ?? []) {
        const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
        for (const span of scopeSpans.flatMap((scope) => scope.spans)) {
          const attributes = new Map((span.attributes ?? []).map(({ key, value }) => [key, valueOf(value)]));
          spans.push({ ...span, service, attributes });
        }
      }
      // In protobuf, a response without fields is empty.
      if (binary) response.setHeader('content-type', 'application/x-protobuf').end();
      else response.setHeader('content-type', 'application/json').end('{}');
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    env: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/v1/traces`, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' },
    spans,
    bodies,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
