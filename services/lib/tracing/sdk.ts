/** The OpenTelemetry SDK of this process: started by the preload, stopped last. Not imported until it starts. */
import { basename, dirname } from 'node:path';

/** The module that a process loads first, with `node --import`, to trace its calls. */
export const preloadModule = new URL('./preload.js', import.meta.url);

/** The part of the SDK that this module uses. */
interface RunningSdk {
  shutdown(): Promise<void>;
}

// On the global object: the preload and the service may see two instances of this module when a loader hook renames URLs.
const sdkKey = Symbol.for('gapo.telemetry.sdk');
const holder = globalThis as { [sdkKey]?: RunningSdk | undefined };

/** Methods that probes and tools call all the time, whose spans would drown the others. */
const untracedMethods = ['Check', 'Watch', 'List', 'ServerReflectionInfo'];

/**
 * Whether the environment asks for traces: an OTLP endpoint or a trace exporter is set, and neither
 * OTEL_SDK_DISABLED=true nor OTEL_TRACES_EXPORTER=none.
 */
export function telemetryWanted(env: NodeJS.ProcessEnv = process.env): boolean {
  if (env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true') return false;
  const exporter = env['OTEL_TRACES_EXPORTER']?.trim();
  if (exporter === 'none') return false;
  return Boolean(exporter || env['OTEL_EXPORTER_OTLP_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']);
}

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

/**
 * Starts the SDK with the gRPC instrumentation. Exporter, protocol, sampler and batching follow the standard OTEL_*
 * variables. Only traces: the metrics and logs pipelines stay off.
 */
export async function startSdk(): Promise<void> {
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
 * @returns whether everything was exported in time
 */
export async function shutdownTelemetry(timeoutMs = 5000): Promise<boolean> {
  const sdk = holder[sdkKey];
  if (sdk === undefined) return true;
  holder[sdkKey] = undefined;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  const done = sdk.shutdown().then(
    () => true,
    () => false,
  );
  const inTime = await Promise.race([done, late]);
  clearTimeout(timer);
  return inTime;
}
