/** The services that `gapo run` works with: those that `gapo up` left running, or its own, with their traces. */
import { join } from 'node:path';
import { UserError } from '@gapo/service';
import type { Interrupts } from '../interrupts.js';
import type { StackFlags } from '../options/options.js';
import { runningStack, startStack } from '../processes/stack.js';
import type { UpState } from '../processes/upFile.js';
import { fromHere } from '../project.js';
import type { Reporter } from '../render/reporter.js';
import { otelConfigured, otelDestination, startTraceReceiver, type TraceReceiver } from '../trace/receiver.js';
import { stackOptionsOf } from './up.js';

/** Services and where their traces go. */
export interface RunServices {
  readonly state: UpState;
  /** Traces from now on belong to this run. Returns the file that they are written to; null where they are not written here. */
  tracesOf(runId: string): string | null;
  /** Where traces go instead, for people. */
  readonly otherTraces: string;
  /** Stops what was started here, and finishes the file of traces. */
  stop(hard: boolean): Promise<void>;
}

/**
 * Finds or starts the services.
 *
 * @throws UserError where they cannot be started, or another `gapo run` is about to stop them
 */
export async function openServices(
  flags: StackFlags,
  reporter: Reporter,
  interrupts: Interrupts,
): Promise<RunServices> {
  const observer = { say: (text: string) => reporter.say(text), changed: () => undefined };
  const present = await runningStack(fromHere(flags.data), observer);
  if (present !== undefined) return useServices(present, reporter);
  const traces = otelConfigured() ? undefined : await startTraceReceiver();
  reporter.say('starting the services ...');
  try {
    const options = stackOptionsOf(flags, 'run', traces?.env ?? {});
    const stack = await startStack(options, observer, interrupts.asked);
    const { services } = stack.state;
    reporter.say(`${services.length} services run: ${services.map(({ name }) => name).join(', ')}`);
    const stop = async (hard: boolean): Promise<void> => {
      reporter.say('stopping the services ...');
      interrupts.forced.addEventListener('abort', () => void stack.stop(true));
      await stack.stop(hard);
      // The services send their last spans when they stop.
      await traces?.close();
    };
    return {
      state: stack.state,
      tracesOf: tracesInto(traces, options.dataDirectory),
      otherTraces: otelDestination(),
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
      `another \`gapo run\` (process ${state.pid}) uses this data directory and stops its services when it is done: wait for it, or give another directory with --data and free ports with --port-base 0 --http-port 0`,
    );
  }
  reporter.say(`using the services that process ${state.pid} started at ${state.started}; they stay up`);
  return {
    state,
    tracesOf: () => null,
    otherTraces: 'as OTEL_* said when the services were started; not recorded where it said nothing',
    stop: () => Promise.resolve(),
  };
}
