/** Reads the spans of one step from traces in OTLP/JSON, one request per line, as written by `gapo run` and a collector's file exporter. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { messageOf } from '@gapo/rpc';
import { UserError, z } from '@gapo/service';
import { attributeNames, spanNames } from '@gapo/tracing';

const nanoseconds = z.string().regex(/^\d+$/);

const attribute = z.object({
  key: z.string(),
  value: z.looseObject({ stringValue: z.string().optional(), intValue: z.coerce.number().optional() }).default({}),
});

const spanSchema = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().default(''),
  name: z.string(),
  startTimeUnixNano: nanoseconds,
  endTimeUnixNano: nanoseconds,
  attributes: z.array(attribute).default([]),
});

const requestSchema = z.object({
  resourceSpans: z
    .array(
      z.object({
        resource: z.object({ attributes: z.array(attribute).default([]) }).prefault({}),
        scopeSpans: z.array(z.object({ spans: z.array(spanSchema).default([]) })),
      }),
    )
    .default([]),
});

/** A span. Times are in nanoseconds since 1970. */
export interface StepSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the root. */
  readonly parentSpanId: string;
  readonly name: string;
  /** The service it comes from. */
  readonly service: string;
  readonly start: bigint;
  readonly end: bigint;
  /** Texts and integers by name. */
  readonly attributes: ReadonlyMap<string, string | number | undefined>;
}

/** The spans of a step. */
export interface StepTrace {
  readonly step: number;
  /** The span of the whole step. */
  readonly root: StepSpan;
  /** All spans of its trace, including the root. */
  readonly spans: readonly StepSpan[];
}

/**
 * Reads the trace of a step. A repeated step has several; the one that began last is read.
 *
 * @param step the step; undefined: the last one in the file
 * @throws UserError if the file cannot be read, is not OTLP/JSON, or has no such step
 */
export async function readStepTrace(path: string, runId: string, step: number | undefined): Promise<StepTrace> {
  // Files of long runs do not fit into memory: one pass finds the trace, and a second one reads it.
  const steps: StepSpan[] = [];
  for await (const span of spansIn(path, spanNames.step)) {
    if (span.name === spanNames.step && span.attributes.get(attributeNames.runId) === runId) steps.push(span);
  }
  const numbers = steps.map(stepOf);
  const wanted = step ?? Math.max(...numbers);
  const root = steps.filter((span) => stepOf(span) === wanted).sort((a, b) => Number(a.start - b.start)).at(-1); // prettier-ignore
  if (root === undefined) {
    const has = numbers.length === 0 ? 'no step' : `steps ${Math.min(...numbers)} to ${Math.max(...numbers)}`;
    throw new UserError(`${path} has no trace of step ${step ?? 1} of run ${runId}: it has ${has} of that run`);
  }
  // A repeated export contains its spans twice.
  const spans = new Map<string, StepSpan>();
  for await (const span of spansIn(path, root.traceId)) if (span.traceId === root.traceId) spans.set(span.spanId, span);
  return { step: wanted, root, spans: [...spans.values()] };
}

function stepOf({ attributes }: StepSpan): number {
  return Number(attributes.get(attributeNames.step));
}

/** Yields the spans of all lines that contain a text. */
async function* spansIn(path: string, text: string): AsyncGenerator<StepSpan, void, undefined> {
  const lines = createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Infinity });
  let number = 0;
  try {
    for await (const line of lines) {
      number += 1;
      if (line.includes(text)) yield* spansOf(line);
    }
  } catch (error) {
    const where = number === 0 ? path : `${path}: line ${number}`;
    const what = error instanceof z.ZodError || error instanceof SyntaxError ? 'is not OTLP/JSON of traces' : messageOf(error); // prettier-ignore
    throw new UserError(`${where}: ${what}`, { cause: error });
  }
}

function spansOf(line: string): StepSpan[] {
  const { resourceSpans } = requestSchema.parse(JSON.parse(line));
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(valuesOf(resource.attributes).get('service.name') ?? '');
    return scopeSpans
      .flatMap(({ spans }) => spans)
      .map(({ startTimeUnixNano, endTimeUnixNano, attributes, ...span }) => ({
        ...span,
        service,
        start: BigInt(startTimeUnixNano),
        end: BigInt(endTimeUnixNano),
        attributes: valuesOf(attributes),
      }));
  });
}

function valuesOf(attributes: readonly z.output<typeof attribute>[]): Map<string, string | number | undefined> {
  return new Map(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]));
}
