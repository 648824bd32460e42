/**
 * The life cycle of a process: start, serve, orderly stop, and a meaningful exit code.
 *
 * | exit code | meaning |
 * | --- | --- |
 * | 0 | stopped as asked |
 * | 1 | a defect: the stack is on stderr |
 * | 2 | an expected error: its message is on stderr |
 * | 130, 143 | a second SIGINT or SIGTERM ended it before it had stopped |
 */
import { constants } from 'node:os';
import { injectFaults } from '@gapo/faults';
import { serveHealth, settlesWithin } from '@gapo/rpc';
import { onTelemetryProblem, shutdownTelemetry, startSdk, type TelemetryProblem } from '@gapo/tracing';
import { boundConnecting } from './connecting.js';
import { writeAtomically } from './files/atomicWrite.js';
import { boundHeap, heapGrowth } from './heap.js';
import { logger, type Logger } from './logger.js';
import { serveMetrics } from './metricsServer.js';
import { withoutCredentials } from './redact.js';
import { readSettings } from './settings/environment.js';
import { transportSchema } from './settings/transport.js';
import { standardError, standardOutput } from './textOutput.js';
import { refusalLog, secureFromEnvironment } from './transport.js';
import { isExpected, UserError } from './userError.js';

/** The argument of `start`. */
export interface StartContext {
  log: Logger;
  /** Aborted when the process is asked to stop, even while `start` still runs. */
  signal: AbortSignal;
}

/** A service that `start` has started. */
export interface RunningService {
  /** Its address, such as `127.0.0.1:7001`; logged, and written to the file that ADDRESS_FILE names. */
  address?: string;
  /** Rejects new work, finishes work in progress, and closes its resources (gRPC first, then events). */
  stop(): Promise<void> | void;
  /** Settles if the service ends without being asked; the process then stops in the same way. */
  done?: Promise<void>;
  /** How long `stop` may take, in milliseconds. @default 10000 */
  stopTimeoutMs?: number;
}

/** Options of {@link runService}. */
export interface ServiceOptions {
  /** Such as `gapo-rollout`. */
  name: string;
  /**
   * The text of `--help`. A service with one takes no other argument except `--insecure`, which means INSECURE=true: its settings are
   * environment variables. Without one, `start` reads the arguments.
   */
  help?: string;
  /** How far the heap may grow between garbage collections; see {@link boundHeap}. @default 'small' */
  heap?: keyof typeof heapGrowth;
  /** Starts the service; resolves when it answers. */
  start(context: StartContext): Promise<RunningService>;
  /** The time limit for exporting the last traces, in milliseconds. @default 3000 */
  telemetryTimeoutMs?: number;
}

/** Milliseconds for closing threads and clients after the calls in progress have ended. */
const stopMarginMs = 2000;

/** Returns the time limits for stopping, with `graceSeconds` for calls in progress to finish. */
export function stopTimes(graceSeconds: number): { readonly shutdownGraceMs: number; readonly stopTimeoutMs: number } {
  return { shutdownGraceMs: graceSeconds * 1000, stopTimeoutMs: graceSeconds * 1000 + stopMarginMs };
}

const stopSignals = ['SIGTERM', 'SIGINT'] as const;

/**
 * Runs a service until SIGTERM or SIGINT, then ends the process: first the service's own `stop`, then the export of traces, each with a
 * time limit. A second signal ends the process immediately, and so does any unhandled error: see `reportAndExit`. With `--help`, prints the
 * help instead.
 */
export async function runService(options: ServiceOptions): Promise<void> {
  const telemetryTimeoutMs = options.telemetryTimeoutMs ?? 3000;
  if (options.help !== undefined) {
    const [argument] = process.argv.slice(2);
    if (argument === '--help') {
      standardOutput.write(options.help);
      return;
    }
    if (argument === '--insecure') process.env['INSECURE'] = 'true';
    else if (argument !== undefined) {
      const problem = `found the argument '${argument}', expected none but --help and --insecure; settings are environment variables`;
      await reportAndExit(new UserError(problem), telemetryTimeoutMs);
    }
  }
  const crash = (error: unknown) => void reportAndExit(error, telemetryTimeoutMs);
  boundConnecting();
  boundHeap(heapGrowth[options.heap ?? 'small']);
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  // Keeps the process alive until runService ends it, even if the event loop is otherwise empty.
  setInterval(() => undefined, 2 ** 30);
  const asked = new AbortController();
  const stopAsked = new Promise<NodeJS.Signals>((resolve) => {
    for (const name of stopSignals) {
      process.on(name, () => {
        if (asked.signal.aborted) process.exit(128 + constants.signals[name]);
        asked.abort();
        resolve(name);
      });
    }
  });
  try {
    const log = logger(options.name);
    const faults = injectFaults(process.env['GAPO_FAULTS'] ?? '');
    if (faults.length > 0) {
      const rules = faults.map(({ source }) => source);
      log.warn(
        { faults: rules },
        'GAPO_FAULTS is set: this process injects faults into itself; never set it in production',
      );
    }
    const started = Date.now();
    const files = { info: (text: string) => log.info(text), warn: (text: string) => log.warn(text) };
    await secureFromEnvironment(files, process.env, refusalLog(log));
    const { LISTEN_HEALTH, LISTEN_METRICS } = readSettings(transportSchema);
    // Without the preload, which traces need, the SDK starts here.
    if (LISTEN_METRICS !== undefined) {
      const { address } = await serveMetrics(LISTEN_METRICS);
      await startSdk({ ...process.env, OTEL_TRACES_EXPORTER: 'none' });
      log.info({ metrics: address }, `metrics at http://${address}/metrics`);
    }
    onTelemetryProblem((problem) => log.warn({ failures: problem.failures }, telemetryText(problem)));
    const service = await options.start({ log, signal: asked.signal });
    const health = LISTEN_HEALTH === undefined ? undefined : await serveHealth(LISTEN_HEALTH);
    const addressFile = process.env['ADDRESS_FILE'];
    if (addressFile !== undefined && service.address !== undefined) await writeAtomically(addressFile, service.address);
    log.info(
      { ...(service.address === undefined ? {} : { address: service.address }), pid: process.pid },
      `ready after ${Date.now() - started} ms`,
    );
    const why = await Promise.race([
      stopAsked,
      ...(service.done === undefined ? [] : [service.done.then(() => 'done')]),
    ]);
    asked.abort();
    health?.setServing(false);
    log.info(`stopping (${why})`);
    const stopTimeoutMs = service.stopTimeoutMs ?? 10_000;
    if (!(await settlesWithin(Promise.resolve(service.stop()), stopTimeoutMs))) {
      log.warn(`did not stop within ${stopTimeoutMs} ms: exiting anyway`);
    }
    if (!(await shutdownTelemetry(telemetryTimeoutMs))) {
      log.warn('the last traces, metrics or logs could not be exported: is the OTLP endpoint reachable?');
    }
    log.info('stopped');
    process.exit(0);
  } catch (error) {
    if (asked.signal.aborted && isAbort(error)) {
      await shutdownTelemetry(telemetryTimeoutMs);
      process.exit(0);
    }
    await reportAndExit(error, telemetryTimeoutMs);
  }
}

/** The start of the warning about traces that were not exported. `gapo run` uses it to find the warning in a log. */
export const exportWarning = 'traces could not be exported';

/** What a failed export of each signal means. */
const exportEffects = {
  traces: { warning: exportWarning, effect: 'spans are lost' },
  metrics: {
    warning: 'metrics could not be exported',
    effect: 'the next export has their sums (OTEL_METRICS_EXPORTER=none turns them off)',
  },
  logs: {
    warning: 'logs could not be exported',
    effect: 'records are lost, lines are not (OTEL_LOGS_EXPORTER=none turns them off)',
  },
} as const;

function telemetryText({ signal, reason, endpoint, failures }: TelemetryProblem): string {
  if (failures === 0) return `OpenTelemetry: ${reason}`;
  const where = endpoint === undefined ? '' : ` to ${withoutCredentials(endpoint)}`;
  const { effect, warning } = exportEffects[signal];
  return `${warning}${where}: ${reason}; ${effect}, and nothing else is affected (see OTEL_EXPORTER_OTLP_*)`;
}

let reporting = false;

/**
 * Prints an error and ends the process. An expected error (`UserError`, or any with `expected: true`) prints only its message, exit code 2;
 * any other prints its stack, exit code 1. Traces recorded so far are exported first, if possible.
 */
export async function reportAndExit(error: unknown, telemetryTimeoutMs = 3000): Promise<never> {
  const expected = isExpected(error);
  standardError.write(`${expected ? error.message : stackOf(error)}\n`);
  const code = expected ? 2 : 1;
  // A second error, during the export, ends the process immediately.
  if (reporting) process.exit(code);
  reporting = true;
  await shutdownTelemetry(telemetryTimeoutMs);
  process.exit(code);
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return `thrown: ${String(error)}`;
  const stack = error.stack ?? error.message;
  return error.cause === undefined ? stack : `${stack}\ncaused by: ${stackOf(error.cause)}`;
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
