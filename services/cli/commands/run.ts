/** `gapo run`: starts the services, trains, evaluates and reports. `make run` calls it. */
import { auditProblemText } from '@gapo/access';
import type { EvaluationReport } from '@gapo/rpc';
import { UserError } from '@gapo/service';
import { Command, Option } from 'commander';
import type { Coordinator } from '../client.js';
import { readConfigFile, type ConfigFile } from '../configFile.js';
import { exitInterrupted, Exit } from '../exit.js';
import { aborted, listenForInterrupts, type Interrupts } from '../interrupts.js';
import { jsonOption, stackOptions, type StackFlags } from '../options/options.js';
import { print, printJson } from '../output.js';
import { fromHere } from '../project.js';
import { makeReporter, type Reporter } from '../render/reporter.js';
import { resultJson, resultText, type RunResult } from '../render/result.js';
import { writeReport } from '../report.js';
import { chooseRun, type RunChoice } from '../runs/chooseRun.js';
import { evaluate } from '../runs/evaluate.js';
import { coordinatorOf, openServices, type RunServices } from '../runs/runServices.js';
import { isAbort, trainToEnd } from '../runs/trainToEnd.js';

interface RunFlags extends StackFlags, RunChoice {
  json?: true;
  keepUp?: true;
}

/** A result without what is known only at the end. */
type Trained = Omit<RunResult, 'wallSeconds' | 'otherTraces'>;

/** Sample prompts in the report. */
const reportSamples = 24;

async function run(configPath: string, flags: RunFlags): Promise<void> {
  if (flags.resume && flags.fresh) throw new UserError('--resume and --fresh contradict each other: give one of them');
  const startedAt = performance.now();
  const config = readConfigFile(fromHere(configPath));
  const reporter = makeReporter(flags.json === true);
  const interrupts = listenForInterrupts();
  const show = (result: Trained): void => {
    const otherTraces = services?.otherTraces() ?? '';
    const timed = { ...result, otherTraces, wallSeconds: (performance.now() - startedAt) / 1000 };
    if (flags.json) printJson(resultJson(timed));
    else print(resultText(timed));
  };
  let services: RunServices | undefined;
  let result: Trained;
  try {
    services = await openServices(flags, reporter, interrupts, config);
    result = await runOn(services, config, flags, reporter, interrupts);
    if (flags.keepUp) {
      show(result);
      reporter.say(`the services stay up until Ctrl-C; the web page is at ${services.state.page}`);
      await aborted(interrupts.stopRequested);
    }
  } catch (error) {
    if (interrupts.stopRequested.aborted && isAbort(error)) throw new Exit(exitInterrupted);
    throw error;
  } finally {
    reporter.finish();
    await services?.stop(interrupts.forced.aborted);
    interrupts.release();
  }
  if (!flags.keepUp) show(result);
}

/** Trains, evaluates and writes the report on running services. */
async function runOn(
  services: RunServices,
  config: ConfigFile,
  flags: RunFlags,
  reporter: Reporter,
  interrupts: Interrupts,
): Promise<Trained> {
  const dataDirectory = fromHere(flags.data);
  const coordinator = coordinatorOf(services);
  try {
    const say = (text: string): void => reporter.say(text);
    const chosen = await chooseRun(coordinator, config, dataDirectory, flags, {
      say,
      signal: interrupts.stopRequested,
    });
    const trace = services.tracesOf(chosen.id);
    reporter.say(`watch it at ${services.state.page}#${chosen.id}`);
    const { trained, steps } = await trainToEnd(coordinator, chosen, reporter, interrupts, {
      resume: `gapo run ${config.path} --resume`,
      fresh: `gapo run ${config.path} --fresh`,
    });
    const evaluation = await evaluateTrained(coordinator, chosen.id, reporter, interrupts);
    const { entries, problem } = await coordinator.audit(chosen.id);
    const audit = { entries, problem: problem && auditProblemText(chosen.id, problem) };
    const page = writeReport(dataDirectory, { run: trained, steps, evaluation, audit });
    return { run: trained, steps, evaluation, page, trace };
  } finally {
    coordinator.close();
  }
}

async function evaluateTrained(
  coordinator: Coordinator,
  id: string,
  reporter: Reporter,
  interrupts: Interrupts,
): Promise<EvaluationReport> {
  try {
    return await evaluate(coordinator, id, reporter, { samples: reportSamples, signal: interrupts.stopRequested });
  } catch (error) {
    if (!interrupts.stopRequested.aborted) throw error;
    reporter.say(
      `run ${id} is complete, but its evaluation is not: start the services with \`gapo up\`, then run \`gapo eval ${id}\``,
    );
    throw new Exit(exitInterrupted);
  }
}

/** Creates the command. */
export function runCommand(): Command {
  const command = new Command('run')
    .description('start the services, train, evaluate, show the result, and stop the services')
    .argument('<config>', 'the run configuration, YAML')
    .addHelpText(
      'after',
      `
Ctrl-C pauses the run after the step in progress; the same command resumes it. If \`gapo up\` is running with the same --data,
its services are used and left running. If no OTEL_* variable is set, traces go to trace.jsonl next to the report. With
--json the last line of stdout is one JSON object.

Example:
  gapo run examples/assistant/run.yaml --data runs`,
    );
  for (const option of stackOptions()) command.addOption(option);
  return command
    .addOption(new Option('--resume', 'resume the unfinished run of this configuration'))
    .addOption(new Option('--fresh', 'start a new run even if one is unfinished'))
    .addOption(new Option('--keep-up', 'keep the services running after the result, until Ctrl-C'))
    .addOption(jsonOption())
    .action(run);
}
