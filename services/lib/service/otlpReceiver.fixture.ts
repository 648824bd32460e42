/** An OTLP/HTTP receiver for tests, which collects traces, metrics and logs as JSON. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import type { Owner } from './testing.fixture.js';

/** Attributes as a receiver sees them. */
export type ReceivedAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** A received span. */
export interface ReceivedSpan {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly kind: number;
  readonly attributes: ReceivedAttributes;
  /** Names of its events. */
  readonly events: readonly string[];
}

/** A received data point. */
export interface ReceivedPoint {
  readonly service: string;
  readonly metric: string;
  readonly unit: string;
  readonly instrument: 'gauge' | 'counter' | 'histogram';
  readonly attributes: ReceivedAttributes;
  /** The value of a gauge or counter; for a histogram, the number of values. */
  readonly value: number;
}

/** A received log record. */
export interface ReceivedRecord {
  readonly service: string;
  readonly scope: string;
  readonly eventName: string;
  readonly severity: string;
  readonly body: string;
  readonly traceId: string;
  readonly attributes: ReceivedAttributes;
}

interface OtlpValue {
  readonly stringValue?: string;
  readonly intValue?: string | number;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
}

type OtlpAttributes = readonly { readonly key: string; readonly value: OtlpValue }[];

interface Resourceful {
  readonly resource: { readonly attributes: OtlpAttributes };
}

interface OtlpSpan extends Omit<ReceivedSpan, 'service' | 'attributes' | 'events'> {
  readonly attributes?: OtlpAttributes;
  readonly events?: readonly { readonly name: string }[];
}

interface OtlpPoint {
  readonly attributes?: OtlpAttributes;
  readonly asDouble?: number;
  readonly asInt?: string | number;
  readonly count?: string | number;
}

interface OtlpPoints {
  readonly dataPoints: readonly OtlpPoint[];
}

interface OtlpMetric {
  readonly name: string;
  readonly unit: string;
  readonly gauge?: OtlpPoints;
  readonly sum?: OtlpPoints;
  readonly histogram?: OtlpPoints;
}

interface OtlpRecord {
  readonly eventName?: string;
  readonly severityText?: string;
  readonly body?: OtlpValue;
  readonly traceId?: string;
  readonly attributes?: OtlpAttributes;
}

/** The parts of OTLP JSON bodies that tests read. */
interface Body {
  readonly resourceSpans?: readonly (Resourceful & { scopeSpans: readonly { spans: readonly OtlpSpan[] }[] })[];
  readonly resourceMetrics?: readonly (Resourceful & {
    scopeMetrics: readonly { metrics: readonly OtlpMetric[] }[];
  })[];
  readonly resourceLogs?: readonly (Resourceful & {
    scopeLogs: readonly { scope: { name: string }; logRecords: readonly OtlpRecord[] }[];
  })[];
}

/** How a receiver answers. */
export interface OtlpAnswer {
  readonly status: number;
  readonly body: string;
}

/** Starts a receiver on a free port of 127.0.0.1. It is closed after the test. */
export async function startOtlpReceiver(t: Owner, answer: OtlpAnswer = { status: 200, body: '{}' }) {
  const spans: ReceivedSpan[] = [];
  const points: ReceivedPoint[] = [];
  const records: ReceivedRecord[] = [];
  let wake = () => {};
  const server = createServer((request, response) => {
    void readBody(request).then((text) => {
      const body = JSON.parse(text) as Body;
      spans.push(...spansOf(body));
      points.push(...pointsOf(body));
      records.push(...recordsOf(body));
      wake();
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  /** Resolves with the first match; only the test's timeout ends a wait for one that never arrives. */
  const first = async <T>(of: readonly T[], fits: (one: T) => boolean): Promise<T> => {
    for (;;) {
      const found = of.find(fits);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        const before = wake;
        wake = () => {
          before();
          resolve();
        };
      });
    }
  };
  const url = `http://127.0.0.1:${port}`;
  const soon = { OTEL_BSP_SCHEDULE_DELAY: '10', OTEL_BLRP_SCHEDULE_DELAY: '10', OTEL_METRIC_EXPORT_INTERVAL: '50' };
  return {
    /** The environment of a process that sends its traces here without delay. */
    env: {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/v1/traces`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      ...soon,
    },
    /** The environment of a process that sends traces, metrics and logs here without delay. */
    all: { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', ...soon },
    spans,
    points,
    records,
    span: (fits: (span: ReceivedSpan) => boolean) => first(spans, fits),
    point: (fits: (point: ReceivedPoint) => boolean) => first(points, fits),
    record: (fits: (record: ReceivedRecord) => boolean) => first(records, fits),
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const whole = Buffer.concat(chunks);
  return (request.headers['content-encoding'] === 'gzip' ? gunzipSync(whole) : whole).toString('utf8');
}

function valueOf({ stringValue, intValue, doubleValue, boolValue }: OtlpValue): string | number | boolean | undefined {
  return stringValue ?? (intValue === undefined ? (doubleValue ?? boolValue) : Number(intValue));
}

function attributesOf(attributes: OtlpAttributes = []): ReceivedAttributes {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]));
}

function serviceOf({ resource }: Resourceful): string {
  return String(attributesOf(resource.attributes)['service.name'] ?? '');
}

function spansOf({ resourceSpans = [] }: Body): ReceivedSpan[] {
  return resourceSpans.flatMap((of) =>
    of.scopeSpans.flatMap(({ spans }) =>
      spans.map(({ name, traceId, spanId, parentSpanId, kind, attributes, events = [] }) => ({
        service: serviceOf(of),
        name,
        traceId,
        spanId,
        parentSpanId: parentSpanId === '' ? undefined : parentSpanId,
        kind,
        attributes: attributesOf(attributes),
        events: events.map((event) => event.name),
      })),
    ),
  );
}

function pointsOf({ resourceMetrics = [] }: Body): ReceivedPoint[] {
  return resourceMetrics.flatMap((of) =>
    of.scopeMetrics
      .flatMap(({ metrics }) => metrics)
      .flatMap(({ name: metric, unit, gauge, sum, histogram }) =>
        ((gauge ?? sum ?? histogram)?.dataPoints ?? []).map(({ attributes, asDouble, asInt, count }) => ({
          service: serviceOf(of),
          metric,
          unit,
          instrument: gauge ? 'gauge' : sum ? 'counter' : 'histogram',
          attributes: attributesOf(attributes),
          value: Number(asDouble ?? asInt ?? count),
        })),
      ),
  );
}

function recordsOf({ resourceLogs = [] }: Body): ReceivedRecord[] {
  return resourceLogs.flatMap((of) =>
    of.scopeLogs.flatMap(({ scope, logRecords }) =>
      logRecords.map(({ eventName = '', severityText = '', body = {}, traceId = '', attributes }) => ({
        service: serviceOf(of),
        scope: scope.name,
        eventName,
        severity: severityText,
        body: String(valueOf(body) ?? ''),
        traceId,
        attributes: attributesOf(attributes),
      })),
    ),
  );
}
