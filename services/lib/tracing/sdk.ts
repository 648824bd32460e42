/** The OpenTelemetry SDK of this process: started by the preload, stopped last. Not imported until it starts. */
import { basename, dirname } from 'node:path';
import { diag, DiagLogLevel } from '@opentelemetry/api';
import { diagnosticsOf, ExportProblems, reasonOf, type ProblemListener } from './exportProblems.js';
import { otlpEndpoint, otlpProblem } from './otlpSettings.js';

/** The module that a process loads first, with `node --import`, to trace its calls. */
export const preloadModule = new URL('./preload.js', import.meta.url);

/** The part of the SDK that this module uses. */
interface RunningSdk {
  shutdown(): Promise<void>;
}

// On the global object: the preload and the service may see two instances of this module when a loader hook renames URLs.
const sdkKey = Symbol.for('gapo.telemetry.sdk');
const problemsKey = Symbol.for('gapo.telemetry.problems');
const holder = globalThis as { [sdkKey]?: RunningSdk | undefined; [problemsKey]?: ExportProblems | undefined };

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

/** Calls a listener for every problem with traces, those so far included. At most one listener. */
export function onTelemetryProblem(listener: ProblemListener): void {
  holder[problemsKey]?.listen(listener);
}

/**
 * Starts the SDK with the gRPC instrumentation. Exporter, protocol, sampler and batching follow the standard OTEL_*
 * variables. Only traces: the metrics and logs pipelines stay off. With variables that cannot work it is not started: a
 * service serves without traces, and {@link onTelemetryProblem} says why.
 */
export async function startSdk(): Promise<void> {
  const problems = new ExportProblems(otlpEndpoint());
  holder[problemsKey] = problems;
  const wrong = otlpProblem();
  if (wrong !== undefined) return problems.once(`traces are off: ${wrong}`);
  // Set before the SDK reads its variables. With OTEL_LOG_LEVEL the SDK replaces it, and writes everything to the console.
  diag.setLogger(diagnosticsOf(problems), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const [{ NodeSDK }, { GrpcInstrumentation }] = await Promise.all([
    import('@opentelemetry/sdk-node'),
    import('@opentelemetry/instrumentation-grpc'),
  ]);
  const sdk = new NodeSDK({
    serviceName: serviceName(),
    instrumentations: [new GrpcInstrumentation({ ignoreGrpcMethods: untracedMethods })],
    metricReaders: [],
    logRecordProcessors: [],
  });
  sdk.start();
  holder[sdkKey] = sdk;
}

/**
 * Exports the remaining spans and stops the SDK, in at most `timeoutMs` milliseconds: an unreachable receiver must not keep
 * a process alive. Does nothing if tracing is off; never throws.
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
      problems?.exportFailed(reasonOf(error instanceof Error ? error : { message: String(error) }));
      return true;
    },
  );
  const inTime = await Promise.race([done, late]);
  clearTimeout(timer);
  problems?.reportFailures();
  return inTime;
}
