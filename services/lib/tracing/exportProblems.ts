/**
 * What goes wrong with the export of a signal. The SDK is silent about it, because a receiver that is away must not disturb a service; a
 * person still has to know. Failed exports are reported at once and then at most once a minute, everything else once.
 */
import type { DiagLogger } from '@opentelemetry/api';
import type { Signal } from './signals.js';

/** A problem with traces, metrics or logs. */
export interface TelemetryProblem {
  readonly signal: Signal;
  /** What happened, such as `HTTP 401 Unauthorized`. */
  readonly reason: string;
  /** Where the signal is sent, as configured: it may contain credentials. Undefined where it does not matter. */
  readonly endpoint?: string | undefined;
  /** Exports that failed since the last report; 0 for a problem of the settings. */
  readonly failures: number;
}

/** Handles a problem. */
export type ProblemListener = (problem: TelemetryProblem) => void;

const reportEveryMs = 60_000;
/** Problems that are kept until somebody listens, and different ones that are reported besides failed exports. */
const mostKept = 20;

/** Collects problems and reports them to one listener. */
export class ExportProblems {
  readonly #now: () => number;
  readonly #signal: Signal;
  readonly #endpoint: string | undefined;
  readonly #reported = new Set<string>();
  #waiting: TelemetryProblem[] = [];
  #listener: ProblemListener | undefined;
  #failures = 0;
  #lastReason = '';
  #reportedAt = -Infinity;

  /** @param now a clock, in milliseconds */
  constructor(signal: Signal, endpoint: string | undefined, now: () => number = () => performance.now()) {
    this.#signal = signal;
    this.#endpoint = endpoint;
    this.#now = now;
  }

  /** Reports what has been collected so far, and everything from now on. */
  listen(listener: ProblemListener): void {
    this.#listener = listener;
    for (const problem of this.#waiting.splice(0)) listener(problem);
  }

  /** Counts a failed export. */
  exportFailed(reason: string): void {
    this.#failures++;
    this.#lastReason = reason;
    if (this.#now() - this.#reportedAt >= reportEveryMs) this.reportFailures();
  }

  /** Reports failed exports that have not been reported yet. */
  reportFailures(): void {
    if (this.#failures === 0) return;
    this.#report({
      signal: this.#signal,
      reason: this.#lastReason,
      endpoint: this.#endpoint,
      failures: this.#failures,
    });
    this.#failures = 0;
    this.#reportedAt = this.#now();
  }

  /** Reports another problem, unless it has been: texts that differ in numbers alone are the same. */
  once(reason: string): void {
    const key = reason.replaceAll(/\d+/g, '0');
    if (this.#reported.has(key) || this.#reported.size >= mostKept) return;
    this.#reported.add(key);
    this.#report({ signal: this.#signal, reason, failures: 0 });
  }

  #report(problem: TelemetryProblem): void {
    if (this.#listener !== undefined) this.#listener(problem);
    else if (this.#waiting.length < mostKept) this.#waiting.push(problem);
  }
}

/** What a receiver calls the parts that it rejected. */
const rejections = [
  { count: 'rejectedSpans', signal: 'traces', what: 'spans' },
  { count: 'rejectedDataPoints', signal: 'metrics', what: 'data points' },
  { count: 'rejectedLogRecords', signal: 'logs', what: 'log records' },
] as const;

/**
 * Returns a logger for the SDK's own messages that passes errors and warnings on. An export that failed is one of traces, as the
 * exporters of metrics and logs are {@link watched}.
 */
export function diagnosticsOf(problemsOf: Readonly<Record<Signal, ExportProblems>>): DiagLogger {
  const problems = problemsOf.traces;
  const ignore = (): void => undefined;
  return {
    error: (...parts) => {
      const text = textOf(parts);
      const failure = exportFailure(text);
      if (failure === undefined) problems.once(text);
      else problems.exportFailed(failure);
    },
    warn: (...parts) => {
      const text = textOf(parts);
      const rejected = /Received Partial Success response: (\{.*\})$/.exec(text)?.[1];
      if (rejected === undefined) return problems.once(text);
      const response = parsed(rejected);
      const { errorMessage } = response;
      const why = typeof errorMessage === 'string' && errorMessage !== '' ? `: ${errorMessage}` : '';
      const part = rejections.find(({ count }) => Object.hasOwn(response, count)) ?? rejections[0];
      const count = Number(response[part.count] ?? 0);
      if (count > 0 || why !== '') problemsOf[part.signal].exportFailed(`${count} ${part.what} were rejected${why}`);
    },
    info: ignore,
    debug: ignore,
    verbose: ignore,
  };
}

/** The part of an exporter that is watched. */
interface Exporter<T> {
  export(items: T, done: (result: { readonly code: number; readonly error?: Error }) => void): void;
}

/** Reports the failures of an exporter, which its processor then takes for successes: it would say less of them. */
export function watched<T, E extends Exporter<T>>(exporter: E, problems: ExportProblems): E {
  const send = exporter.export.bind(exporter);
  exporter.export = (items, done) =>
    send(items, ({ code, error }) => {
      if (code !== 0) problems.exportFailed(reasonOf(error ?? {}));
      done({ code: 0 });
    });
  return exporter;
}

/** Joins the texts of a message, without the objects and bodies that may follow. */
function textOf(parts: readonly unknown[]): string {
  return parts.filter((part) => typeof part === 'string').join(' ');
}

/** The SDK reports an export that failed as the JSON of its error, whose values are texts. */
function exportFailure(text: string): string | undefined {
  return text.startsWith('{') ? reasonOf(parsed(text)) : undefined;
}

/** Returns the reason of an export's error: its HTTP status, or what it says. */
export function reasonOf({ message, code }: { readonly message?: unknown; readonly code?: unknown }): string {
  const said = typeof message === 'string' ? message : '';
  const word = typeof code === 'string' || typeof code === 'number' ? String(code) : '';
  if (/^\d{3}$/.test(word)) return `HTTP ${word}${said ? ` ${said}` : ''}`;
  if (said === 'Export failed with retryable status') return 'HTTP 429, 502, 503 or 504 at every attempt';
  return said || word || 'an unknown error';
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
