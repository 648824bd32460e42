/** `gapo run`: everything at once, from a configuration to a result. What `make run` calls. */
import { join } from 'node:path';
import { Command, Option } from 'commander';
import type { EvaluationReport, Run, StepReport } from '@gapo/rpc';
import { UserError } from '@gapo/telemetry';
import { Coordinator } from '../client.js';
import { EXIT_INTERRUPTED, Exit } from '../exit.js';
import { aborted, listenForInterrupts, type Interrupts } from '../interrupts.js';
import { readConfigFile } from '../launches.js';
import { jsonOption, stackOptions, type StackFlags } from '../options.js';
import { print, printJson } from '../output.js';
import { runningStack, startStack } from '../processes/stack.js';
import type { UpState } from '../processes/upFile.js';
import { fromHere } from '../project.js';
import { changedSamples, evaluationTable, objectivesJson } from '../render/evaluation.js';
import { duration, orNull } from '../render/numbers.js';
import { makeReporter, type Reporter } from '../render/reporter.js';
import { stateName } from '../render/runProgress.js';
import { writeReport } from '../report.js';
import { otelConfigured, otelDestination, startTraceReceiver, type TraceReceiver } from '../trace/receiver.js';
import { chooseRun, type RunChoice } from './chooseRun.js';
import { evaluate } from './evaluate.js';
import { follow } from './follow.js';
import { stackOptionsOf } from './up.js';

interface RunFlags extends StackFlags, RunChoice {
  json?: true;
  keepUp?: true;
}

/** Sample prompts that the result shows, and that the report has. */
const [shownSamples, reportSamples] = [3, 24];

/** A coordinator that died is started again within this. */
const restartMs = 15_000;

/** The services that the run uses. */
interface Services {
  state: UpState;
  /** Stops them, where this command started them. */
  stop(hard: boolean): Promise<void>;
}

/** The run's end. */
interface Result {
  run: Run;
  steps: StepReport[];
  evaluation: EvaluationReport;
}

async function runCommandAction(configPath: string, flags: RunFlags): Promise<void> {
  if (flags.resume && flags.fresh) throw new UserError('--resume and --fresh contradict each other: give one of them');
  const startedAt = performance.now();
  const config = readConfigFile(fromHere(configPath));
  const dataDirectory = fromHere(flags.data);
  const reporter = makeReporter(process.stderr, flags.json === true);
  const interrupts = listenForInterrupts();
  let traces: TraceReceiver | undefined;
  let services: Services | undefined;
  let coordinator: Coordinator | undefined;
  let written: { result: Result; page: string } | undefined;
  try {
    const present = await runningStack(dataDirectory, { say: (text) => reporter.say(text), changed: () => undefined });
    if (present === undefined && !otelConfigured()) traces = await startTraceReceiver();
    services =
      present === undefined
        ? await startServices(flags, traces?.env ?? {}, reporter, interrupts)
        : useServices(present, reporter);
    coordinator = new Coordinator(services.state.coordinator, { patienceMs: restartMs });
    const run = await chooseRun(coordinator, config, dataDirectory, flags, {
      say: (text) => reporter.say(text),
      signal: interrupts.asked,
    });
    traces?.writeTo(tracePath(dataDirectory, run.id));
    reporter.say(`watch it at ${services.state.page}#${run.id}`);
    const result = await trainAndEvaluate(coordinator, run, configPath, reporter, interrupts);
    written = { result, page: writeReport(dataDirectory, result.run, result.steps, result.evaluation) };
    if (flags.keepUp) {
      reporter.say(
        `done after ${duration((performance.now() - startedAt) / 1000)}; the services stay up until Ctrl-C, the web page at ${services.state.page}`,
      );
      await aborted(interrupts.asked);
    }
  } catch (error) {
    if (interrupts.asked.aborted && isAbort(error)) throw new Exit(EXIT_INTERRUPTED);
    throw error;
  } finally {
    reporter.finish();
    coordinator?.close();
    if (services !== undefined) await services.stop(interrupts.forced.aborted);
    await traces?.close();
    interrupts.release();
  }
  const { result, page } = written;
  const trace = traces === undefined ? null : tracePath(dataDirectory, result.run.id);
  const wallSeconds = (performance.now() - startedAt) / 1000;
  if (flags.json) printJson(resultJson(result, { page, trace, wallSeconds }));
  else print(resultText(result, { page, trace, wallSeconds }));
}

const tracePath = (dataDirectory: string, runId: string): string => join(dataDirectory, runId, 'trace.jsonl');

async function startServices(
  flags: RunFlags,
  env: Record<string, string>,
  reporter: Reporter,
  interrupts: Interrupts,
): Promise<Services> {
  reporter.say('starting the services ...');
  const observer = { say: (text: string) => reporter.say(text), changed: () => undefined };
  const stack = await startStack(stackOptionsOf(flags, 'run', env), observer, interrupts.asked);
  reporter.say(
    `${stack.state.services.length} services run: ${stack.state.services.map(({ name }) => name).join(', ')}`,
  );
  return {
    state: stack.state,
    stop: async (hard) => {
      reporter.say('stopping the services ...');
      interrupts.forced.addEventListener('abort', () => void stack.stop(true));
      await stack.stop(hard);
    },
  };
}

function useServices(state: UpState, reporter: Reporter): Services {
  if (state.command === 'run') {
    throw new UserError(
      `another \`gapo run\` (process ${state.pid}) uses this data directory and stops its services when it is done: wait for it, or give another directory with --data and free ports with --port-base 0 --http-port 0`,
    );
  }
  reporter.say(`using the services that process ${state.pid} started at ${state.started}; they stay up`);
  return { state, stop: () => Promise.resolve() };
}

async function trainAndEvaluate(
  coordinator: Coordinator,
  run: Run,
  configPath: string,
  reporter: Reporter,
  interrupts: Interrupts,
): Promise<Result> {
  const pause = (): void => {
    reporter.say('pausing after the step in progress; Ctrl-C again stops at once');
    coordinator
      .pauseRun(run.id)
      .catch((error: unknown) => reporter.say(error instanceof Error ? error.message : String(error)));
  };
  interrupts.asked.addEventListener('abort', pause, { once: true });
  if (interrupts.asked.aborted) pause();
  const { run: trained, steps } = await follow(coordinator, run, reporter, { signal: interrupts.forced });
  interrupts.asked.removeEventListener('abort', pause);
  if (trained.state !== 'RUN_STATE_SUCCEEDED') throw stopped(trained, configPath, reporter, interrupts);
  const evaluation = await evaluate(coordinator, run.id, reporter, {
    samples: reportSamples,
    signal: interrupts.asked,
  }).catch((error: unknown) => {
    if (!interrupts.asked.aborted) throw error;
    reporter.say(
      `the run is finished, its evaluation is not: start the services with \`gapo up\` and evaluate with \`gapo eval ${run.id}\``,
    );
    throw new Exit(EXIT_INTERRUPTED);
  });
  return { run: await coordinator.getRun(run.id), steps, evaluation };
}

/** What to throw where the run stopped before its last step. */
function stopped(run: Run, configPath: string, reporter: Reporter, interrupts: Interrupts): Error {
  const goOn = `go on with \`gapo run ${configPath} --resume\``;
  const where = `step ${run.step} of ${run.totalSteps}`;
  if (interrupts.asked.aborted) {
    reporter.say(`run ${run.id} stopped at ${where}; ${goOn}`);
    return new Exit(EXIT_INTERRUPTED);
  }
  const why = run.reason === '' ? 'no reason was given' : run.reason;
  if (run.state === 'RUN_STATE_CANCELLED') {
    return new UserError(`run ${run.id} was cancelled at ${where}; begin anew with \`gapo run ${configPath} --fresh\``);
  }
  const ended = run.state === 'RUN_STATE_FAILED' ? 'failed' : `is ${stateName(run.state)}`;
  return new UserError(`run ${run.id} ${ended} at ${where}: ${why}; when that is mended, ${goOn}`);
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || (error as { code?: unknown }).code === 'CANCELLED');
}

interface Places {
  page: string;
  trace: string | null;
  wallSeconds: number;
}

function resultText({ run, evaluation }: Result, { page, trace, wallSeconds }: Places): string {
  const traces =
    trace ??
    (otelConfigured() ? otelDestination() : 'not recorded: the services were started by `gapo up` without OTEL_*');
  return [
    '',
    evaluationTable(evaluation),
    '',
    changedSamples(evaluation, shownSamples),
    '',
    `run         ${run.id}: ${run.step} steps of ${run.method}, ${duration(wallSeconds)} in all`,
    `checkpoint  ${run.checkpoint}`,
    `version     sha256 ${run.versionSha256}`,
    `page        ${page}`,
    `trace       ${traces}`,
  ].join('\n');
}

function resultJson({ run, steps, evaluation }: Result, { page, trace, wallSeconds }: Places): object {
  const last = run.lastStep ?? steps.at(-1);
  return {
    run: run.id,
    objectives: objectivesJson(evaluation),
    winRate: orNull(evaluation.winRate?.mean),
    wallSeconds: Number(wallSeconds.toFixed(3)),
    stationarity: orNull(last?.stationarity),
    checkpoint: run.checkpoint,
    page,
    trace,
    versionSha256: run.versionSha256,
    steps: run.step,
  };
}

/** The command. */
export function runCommand(): Command {
  const command = new Command('run')
    .description('start everything, train from a configuration, evaluate, show the result, stop everything')
    .argument('<config>', 'the run configuration, YAML')
    .addHelpText(
      'after',
      `
Ctrl-C pauses the run after the step in progress; the same command goes on with it. Services that \`gapo up\` started
with the same --data are used and left running. Where no OTEL_* variable is set, traces are written to trace.jsonl beside
the report. With --json the last line of stdout is one JSON object.

Example:
  gapo run examples/assistant/run.yaml --data runs`,
    );
  for (const option of stackOptions()) command.addOption(option);
  return command
    .addOption(new Option('--resume', 'go on with the unfinished run of this configuration'))
    .addOption(new Option('--fresh', 'begin anew, whatever is unfinished'))
    .addOption(new Option('--keep-up', 'keep the services running after the result, until Ctrl-C'))
    .addOption(jsonOption())
    .action(runCommandAction);
}
