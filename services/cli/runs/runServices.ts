/** The services for `gapo run` and `gapo front`: those of a running `gapo up`, or their own. Includes trace collection. */
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { directoriesOf } from '@gapo/run-data';
import { UserError } from '@gapo/service';
import { otlpProblem, telemetryWanted } from '@gapo/tracing';
import { Coordinator } from '../client.js';
import type { ConfigFile } from '../configFile.js';
import type { Interrupts } from '../interrupts.js';
import { defaultGradientWorkers, type StackFlags } from '../options/options.js';
import { runningStack, startStack, type StackOptions } from '../processes/stack.js';
import type { UpState } from '../processes/upFile.js';
import { fromHere, isCheckout, projectRoot } from '../project.js';
import type { Reporter } from '../render/reporter.js';
import { otelConfigured, otelDestination } from '../trace/destination.js';
import { startTraceReceiver, type TraceReceiver } from '../trace/receiver.js';

/** Running services and their traces. */
export interface RunServices {
  readonly state: UpState;
  /** Writes traces from now on to the run's trace.jsonl and returns its path; null if they are not collected here. */
  tracesOf(runId: string): string | null;
  /** Describes where traces went instead. Complete once the services have stopped. */
  otherTraces(): string;
  /** Stops the services that were started here, then closes the trace file. */
  stop(hard: boolean): Promise<void>;
}

/** How long a crashed coordinator may take to restart. */
const restartMs = 15_000;

/** Connects to the services' coordinator. */
export function coordinatorOf({ state }: RunServices): Coordinator {
  return new Coordinator(state.coordinator, { patienceMs: restartMs });
}

/** Converts command line flags to the options of the services. */
export function stackOptionsOf(
  flags: StackFlags,
  command: StackOptions['command'],
  env: Record<string, string>,
  config?: ConfigFile,
): StackOptions {
  const { rewards, data, rolloutWorkers, gradientProgram, portBase, httpPort, tls } = flags;
  const { gradientWorkers = defaultGradientWorkers(gradientProgram) } = flags;
  return {
    rewardsFile: fromHere(rewards),
    dataDirectory: fromHere(data),
    rolloutWorkers,
    rolloutThreads: threadsOf(rolloutWorkers),
    gradientWorkers,
    gradientThreads: threadsOf(gradientWorkers),
    // A name is looked up in PATH; a path is relative to this directory, not the services'.
    gradientProgram: gradientProgram?.includes('/') ? fromHere(gradientProgram) : gradientProgram,
    portBase,
    httpPort,
    tls: tls === undefined ? undefined : fromHere(tls),
    projectDirectories: projectDirectoriesOf(fromHere(data), config),
    command,
    env,
  };
}

/**
 * Returns the directories that runs on these services may read from: those of this project, and those named in the configuration,
 * because the user who starts the services wrote it. Undefined if PROJECT_DIRS is set.
 */
function projectDirectoriesOf(dataDirectory: string, config: ConfigFile | undefined): readonly string[] | undefined {
  if ((process.env['PROJECT_DIRS'] ?? '').trim() !== '') return undefined;
  const here = [process.cwd(), dirname(dataDirectory), ...(isCheckout ? [projectRoot] : [])];
  if (config === undefined) return here;
  return [...here, ...directoriesOf(config.config, config.baseDirectory)];
}

/** Returns the threads of each of several concurrent workers; undefined for a single one, or if THREADS is set. */
function threadsOf(workers: number): number | undefined {
  if (workers === 1 || process.env['THREADS'] !== undefined) return undefined;
  return Math.max(1, Math.floor(availableParallelism() / workers));
}

/**
 * Finds or starts the services.
 *
 * @param config the configuration of the first run; services started here may read its files
 *
 * @throws UserError if they cannot be started, or belong to another `gapo run`, which will stop them
 */
export async function openServices(
  flags: StackFlags,
  reporter: Reporter,
  interrupts: Interrupts,
  config?: ConfigFile,
): Promise<RunServices> {
  const observer = { say: (text: string) => reporter.say(text), changed: () => undefined };
  const present = await runningStack(fromHere(flags.data), observer);
  if (present !== undefined) return useServices(present, reporter);
  const traces = otelConfigured() ? undefined : await startTraceReceiver();
  const problem = telemetryWanted() ? otlpProblem() : undefined;
  if (problem !== undefined) reporter.say(`traces are off: ${problem}`);
  reporter.say('starting the services ...');
  try {
    const options = stackOptionsOf(flags, 'run', traces?.env ?? {}, config);
    const stack = await startStack(options, observer, interrupts.stopRequested);
    const { services } = stack.state;
    reporter.say(`${services.length} services are running: ${services.map(({ name }) => name).join(', ')}`);
    const stop = async (hard: boolean): Promise<void> => {
      reporter.say('stopping the services ...');
      interrupts.forced.addEventListener('abort', () => void stack.stop(true));
      await stack.stop(hard);
      // Services flush their last spans when they stop.
      await traces?.close();
      if (traces?.failure !== undefined) reporter.say(`the file of traces is incomplete: ${traces.failure.message}`);
    };
    return {
      state: stack.state,
      tracesOf: tracesInto(traces, options.dataDirectory),
      otherTraces: () => otelDestination(services),
      stop,
    };
  } catch (error) {
    await traces?.close();
    throw error;
  }
}

function tracesInto(traces: TraceReceiver | undefined, dataDirectory: string): (runId: string) => string | null {
  return (runId) => {
    if (traces === undefined) return null;
    const path = join(dataDirectory, runId, 'trace.jsonl');
    traces.writeTo(path);
    return path;
  };
}

function useServices(state: UpState, reporter: Reporter): RunServices {
  if (state.command === 'run') {
    throw new UserError(
      `another \`gapo run\` (process ${state.pid}) uses this data directory and will stop its services: wait for it, or give another directory with --data and free ports with --port-base 0 --http-port 0`,
    );
  }
  reporter.say(`using the services that process ${state.pid} started at ${state.started}; they stay up`);
  return {
    state,
    tracesOf: () => null,
    otherTraces: () => 'as set by OTEL_* when the services were started; not collected without it',
    stop: () => Promise.resolve(),
  };
}
