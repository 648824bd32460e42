/**
 * Logs: one JSON object per line on stderr (stdout is for a command's output), or short coloured lines if stderr is a terminal. A
 * line logged inside a span has its trace_id and span_id, and the run that the trace belongs to. Lines are also exported over OTLP
 * if the OTEL_* variables enable it. Logging never throws: lines that cannot be written are lost, and counted once the output
 * accepts lines again.
 */
import { currentRunId, exportLogLine } from '@gapo/tracing';
import { isSpanContextValid, trace } from '@opentelemetry/api';
import { levels, pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';
import { standardError, TextOutput } from './textOutput.js';
import { UserError } from './userError.js';

export type { Logger } from 'pino';

const knownLevels = [...Object.values(levels.labels), 'silent'];

let stream: DestinationStream | undefined;

/**
 * Creates a logger that names its source in every line. LOG_LEVEL is trace, debug, info (default), warn, error, fatal or
 * silent.
 *
 * @param name such as `gapo-rollout` or `events`
 * @throws UserError if LOG_LEVEL is not a level
 */
export function logger(name: string): Logger {
  stream ??= exported(process.stderr.isTTY ? terminal() : new TextOutput(2, { lossNotice: lossLine }));
  return pino(
    {
      name,
      level: logLevel(),
      base: { name },
      timestamp: stdTimeFunctions.isoTime,
      messageKey: 'message',
      errorKey: 'error',
      formatters: { level: (label) => ({ level: label }) },
      mixin: activeSpan,
    },
    stream,
  );
}

function logLevel(): string {
  const level = (process.env['LOG_LEVEL'] || 'info').toLowerCase();
  if (knownLevels.includes(level)) return level;
  throw new UserError(`LOG_LEVEL: found "${level}", expected one of ${knownLevels.join(', ')}`);
}

/** Returns the ids of the trace that a line belongs to. A line that already names its run keeps it. */
function activeSpan(): { trace_id?: string; span_id?: string; run?: string } {
  const span = trace.getActiveSpan()?.spanContext();
  if (span === undefined || !isSpanContextValid(span)) return {};
  const run = currentRunId();
  return { trace_id: span.traceId, span_id: span.spanId, ...(run !== undefined && { run }) };
}

/** Returns a stream that also exports its lines. */
function exported(to: DestinationStream): DestinationStream {
  return {
    write(line: string): void {
      to.write(line);
      exportLogLine(line);
    },
  };
}

const colours: Record<string, string> = {
  trace: '\x1b[90m',
  debug: '\x1b[90m',
  info: '\x1b[32m',
  warn: '\x1b[33m',
  error: '\x1b[31m',
  fatal: '\x1b[35m',
};

function terminal(): DestinationStream {
  return { write: (line: string) => void standardError.write(prettyLine(line)) };
}

/** Returns the log line that reports how many lines could not be written. */
function lossLine(lost: number, code: string): string {
  const message = `${lost} earlier line${lost === 1 ? '' : 's'} of this log could not be written: ${code}`;
  return `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), name: 'log', message })}\n`;
}

/**
 * Formats a log line for a terminal: `12:30:05 info rollout: message key=value`, followed by the error's stack.
 *
 * @param json one line of the JSON log
 */
export function prettyLine(json: string): string {
  const parsed: unknown = JSON.parse(json);
  if (typeof parsed !== 'object' || parsed === null) return json;
  const {
    level,
    time,
    name,
    message,
    error,
    trace_id: _trace,
    span_id: _span,
    ...fields
  } = { ...parsed } as Record<string, unknown>;
  const details = Object.entries(fields)
    .map(([key, value]) => ` \x1b[90m${key}=\x1b[0m${shown(value)}`)
    .join('');
  const colour = colours[String(level)] ?? '';
  const clock = String(time).slice(11, 19);
  const line = `\x1b[90m${clock}\x1b[0m ${colour}${String(level).padEnd(5)}\x1b[0m ${String(name)}: ${shown(message ?? '')}${details}\n`;
  return error === undefined ? line : `${line}${errorText(error)}\n`;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function errorText(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'stack' in error) return String(error.stack);
  return JSON.stringify(error);
}
