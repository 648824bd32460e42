/** The OpenTelemetry SDK of this process: started by the preload, stopped last. Not imported until it starts. */
import { hostname } from 'node:os';
import { basename, dirname } from 'node:path';
import { diag, DiagLogLevel, metrics } from '@opentelemetry/api';
import { attributeNames } from './declared/attributes.js';
import { diagnosticsOf, ExportProblems, reasonOf, type ProblemListener } from './exportProblems.js';
import { measureWith, observeWith } from './instruments.js';
import { exportLogs } from './logRecords.js';
import { otlpEndpoint, otlpProblem, sampledRuns, signals, telemetryWanted, type Signal } from './signals.js';

/** The module that a process loads first, with `node --import`, to trace its calls and to measure them. */
export const preloadModule = new URL('./preload.js', import.meta.url);

/** The part of the SDK that this module uses. */
interface RunningSdk {
  shutdown(): Promise<void>;
  /** Undefined unless metrics are scraped. */
  readonly scrape: (() => Promise<string>) | undefined;
}

// On the global object: the preload and the service may see two instances of this module when a loader hook renames URLs.
const sdkKey = Symbol.for('gapo.telemetry.sdk');
const problemsKey = Symbol.for('gapo.telemetry.problems');
const holder = globalThis as {
  [sdkKey]?: RunningSdk | undefined;
  [problemsKey]?: Readonly<Record<Signal, ExportProblems>>;
};

/** Methods that probes and tools call all the time, whose spans would drown the others. */
const untracedMethods = ['Check', 'Watch', 'List', 'ServerReflectionInfo'];

/**
 * Returns the service's name in traces: OTEL_SERVICE_NAME, else `gapo-` and the folder of the main script (its parent if
 * the script is in `dist`).
 */
export function serviceName(env: NodeJS.ProcessEnv = process.env, mainScript = process.argv[1]): string {
  const named = env['OTEL_SERVICE_NAME']?.trim();
  if (named) return named;
  if (mainScript === undefined) return 'gapo';
  const folder = dirname(mainScript);
  return `gapo-${basename(basename(folder) === 'dist' ? dirname(folder) : folder)}`;
}

/** Calls a listener for every problem with traces, metrics and logs, those so far included. At most one listener. */
export function onTelemetryProblem(listener: ProblemListener): void {
  for (const signal of signals) holder[problemsKey]?.[signal].listen(listener);
}

/** Whether the environment asks for anything that {@link startSdk} starts. */
export function sdkWanted(env: NodeJS.ProcessEnv = process.env): boolean {
  return isScraped(env) || signals.some((signal) => telemetryWanted(env, signal));
}

function isScraped(env: NodeJS.ProcessEnv): boolean {
  return env['OTEL_SDK_DISABLED']?.trim().toLowerCase() !== 'true' && Boolean(env['LISTEN_METRICS']?.trim());
}

/**
 * Starts the SDK with the signals that the environment asks for. Exporter, protocol, sampler and batching follow the standard
 * OTEL_* variables. A signal whose variables cannot work is left out: a service serves without it, and
 * {@link onTelemetryProblem} says why. Traces include those of gRPC. Does nothing once it has started.
 */
export async function startSdk(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  if (holder[sdkKey] !== undefined) return;
  const problems = (holder[problemsKey] ??= {
    traces: new ExportProblems('traces', otlpEndpoint(env, 'traces')),
    metrics: new ExportProblems('metrics', otlpEndpoint(env, 'metrics')),
    logs: new ExportProblems('logs', otlpEndpoint(env, 'logs')),
  });
  const usable = usableSignals(env, problems);
  const scraped = isScraped(env);
  if (usable.size === 0 && !scraped) return;
  // Set before the SDK reads its variables. With OTEL_LOG_LEVEL the SDK replaces it, and writes everything to the console.
  diag.setLogger(diagnosticsOf(problems), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const traced = usable.has('traces');
  const measured = usable.has('metrics') || scraped;
  const ratio = sampledRuns(env);
  const [{ NodeSDK, resources }, grpc, sampling, metricExport, logExport] = await Promise.all([
    import('@opentelemetry/sdk-node'),
    traced ? import('@opentelemetry/instrumentation-grpc') : undefined,
    traced && ratio !== undefined ? import('./runSampler.js') : undefined,
    measured ? import('./metricExport.js') : undefined,
    usable.has('logs') ? import('./logExport.js') : undefined,
  ]);
  const scrapedReader = scraped ? metricExport?.scrapedReader() : undefined;
  const pushing = usable.has('metrics') ? await metricExport?.pushingReaders(env, problems.metrics) : undefined;
  const ours = resources.resourceFromAttributes({
    [attributeNames.system]: 'gapo',
    'service.instance.id': `${hostname()}-${process.pid}`,
  });
  const sdk = new NodeSDK({
    serviceName: serviceName(env),
    resource: resources.defaultResource().merge(ours),
    instrumentations: grpc === undefined ? [] : [new grpc.GrpcInstrumentation({ ignoreGrpcMethods: untracedMethods })],
    ...(!traced && { spanProcessors: [] }),
    ...(sampling !== undefined && ratio !== undefined && { sampler: sampling.runSampler(ratio) }),
    metricReaders: [...(scrapedReader === undefined ? [] : [scrapedReader.reader]), ...(pushing ?? [])],
    logRecordProcessors: (await logExport?.logProcessors(env, problems.logs)) ?? [],
  });
  sdk.start();
  if (measured) {
    const { processReadings } = await import('./processReadings.js');
    measureWith(metrics.getMeter('gapo'));
    observeWith(processReadings());
  }
  exportLogs(logExport !== undefined);
  holder[sdkKey] = { shutdown: () => sdk.shutdown(), scrape: scrapedReader?.scrape };
}

/** Returns the signals that the environment asks for and that can work, and reports why others cannot. */
function usableSignals(env: NodeJS.ProcessEnv, problems: Readonly<Record<Signal, ExportProblems>>): Set<Signal> {
  const wanted = signals.filter((signal) => telemetryWanted(env, signal));
  const wrong = new Map<string, Signal[]>();
  const usable = new Set<Signal>();
  for (const signal of wanted) {
    const problem = otlpProblem(env, signal);
    if (problem === undefined) usable.add(signal);
    else wrong.set(problem, [...(wrong.get(problem) ?? []), signal]);
  }
  for (const [problem, [first = 'traces', ...others]] of wrong) {
    const names = [first, ...others];
    const text = names.length === 1 ? first : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
    problems[first].once(`${text} are off: ${problem}`);
  }
  return usable;
}

/** Returns the present metrics in Prometheus' text format; undefined where LISTEN_METRICS was not set as the SDK started. */
export function scrapeMetrics(): Promise<string> | undefined {
  return holder[sdkKey]?.scrape?.();
}

/**
 * Exports what is left of traces, metrics and logs and stops the SDK, in at most `timeoutMs` milliseconds: an unreachable receiver must
 * not keep a process alive. Does nothing if the SDK is off; never throws.
 *
 * @returns whether that took no longer; spans that the receiver refused are a problem for the listener
 */
export async function shutdownTelemetry(timeoutMs = 5000): Promise<boolean> {
  const sdk = holder[sdkKey];
  if (sdk === undefined) return true;
  holder[sdkKey] = undefined;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  const problems = holder[problemsKey];
  const done = sdk.shutdown().then(
    () => true,
    (error: unknown) => {
      problems?.traces.exportFailed(reasonOf(error instanceof Error ? error : { message: String(error) }));
      return true;
    },
  );
  const inTime = await Promise.race([done, late]);
  clearTimeout(timer);
  measureWith(undefined);
  exportLogs(false);
  for (const signal of signals) problems?.[signal].reportFailures();
  return inTime;
}
