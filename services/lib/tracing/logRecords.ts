/** Log records: the lines of the log, and events with a name. While logs are not exported, they cost a look-up. */
import { context, trace, TraceFlags } from '@opentelemetry/api';
import { logs, SeverityNumber, type LogAttributes, type Logger } from '@opentelemetry/api-logs';
import { attributeNames, type AttributeKey } from './declared/attributes.js';
import { telemetryEvents } from './declared/events.js';
import { named } from './instruments.js';

type Events = typeof telemetryEvents;

/** The key of an event that is a log record. */
export type RecordedEventKey = {
  [K in keyof Events]: Events[K]['kind'] extends 'log record' ? K : never;
}[keyof Events];

/** The attributes of an event, by key: only those that it declares. */
export type EventAttributes<K extends RecordedEventKey> = {
  readonly [A in Events[K]['attributes'][number]]?: string | number | undefined;
};

// On the global object: the preload and the service may see two instances of this module when a loader hook renames URLs.
const exportingKey = Symbol.for('gapo.telemetry.logs');
const holder = globalThis as { [exportingKey]?: boolean };

/** Says whether log records are exported. */
export function exportLogs(exporting: boolean): void {
  holder[exportingKey] = exporting;
}

/** The logger; undefined while logs are not exported. */
function exporting(): Logger | undefined {
  return holder[exportingKey] === true ? logs.getLogger('gapo') : undefined;
}

const severities: Readonly<Record<string, SeverityNumber>> = {
  trace: SeverityNumber.TRACE,
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
  fatal: SeverityNumber.FATAL,
};

/** Fields of a line that are not attributes of its record. */
const ownFields: ReadonlySet<string> = new Set(['level', 'time', 'name', 'message', 'error', 'trace_id', 'span_id']);

/** Fields that are declared attributes. */
const declaredFields: Readonly<Record<string, string>> = {
  run: attributeNames.runId,
  step: attributeNames.step,
  worker: attributeNames.worker,
};

/**
 * Exports a line of the log, in the active trace. A field is an attribute: `run` is rl.run.id, others are `gapo.log.` and their name.
 *
 * @param json one line of the JSON log
 */
export function exportLogLine(json: string): void {
  if (exporting() === undefined) return;
  const line = JSON.parse(json) as Readonly<Record<string, unknown>>;
  const { level, name, message, error } = line;
  const severityText = String(level);
  const attributes: LogAttributes = exceptionOf(error);
  for (const [field, value] of Object.entries(line)) {
    if (ownFields.has(field)) continue;
    const simple = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    attributes[declaredFields[field] ?? `gapo.log.${field}`] = simple ? value : JSON.stringify(value);
  }
  logs.getLogger(String(name)).emit({
    severityText,
    severityNumber: severities[severityText] ?? SeverityNumber.UNSPECIFIED,
    body: typeof message === 'string' ? message : JSON.stringify(message ?? ''),
    attributes,
    context: context.active(),
  });
}

/** Returns the attributes of an error that a line has. */
function exceptionOf(error: unknown): LogAttributes {
  if (typeof error !== 'object' || error === null) return {};
  const { type, message, stack } = error as Readonly<Record<string, unknown>>;
  return {
    [attributeNames.exceptionType]: String(type),
    [attributeNames.exceptionMessage]: String(message),
    [attributeNames.exceptionStack]: String(stack),
  };
}

/** Whether an event that belongs to the active span would be recorded: logs are exported, and the trace is sampled. */
export function recordsEvents(): boolean {
  const span = trace.getActiveSpan()?.spanContext();
  return exporting() !== undefined && span !== undefined && (span.traceFlags & TraceFlags.SAMPLED) !== 0;
}

/** Records an event in the active trace. */
export function recordEvent<K extends RecordedEventKey>(event: K, attributes: EventAttributes<K>): void {
  const keyed: Readonly<Partial<Record<AttributeKey, unknown>>> = attributes;
  exporting()?.emit({
    eventName: telemetryEvents[event].name,
    severityNumber: SeverityNumber.INFO,
    attributes: named(keyed),
    context: context.active(),
  });
}
