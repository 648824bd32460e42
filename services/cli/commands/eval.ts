/** `gapo eval`: evaluates runs on their held-out prompts, compared with the policies that they started from. */
import { toJson, type EvaluationReport } from '@gapo/rpc';
import { UserError } from '@gapo/service';
import { Command, Option } from 'commander';
import { Coordinator, coordinatorAddress } from '../client.js';
import { exitInterrupted, Exit } from '../exit.js';
import { listenForInterrupts } from '../interrupts.js';
import { coordinatorOption, jsonOption, natural } from '../options/options.js';
import { preferOption, type PreferOption } from '../options/preferOption.js';
import { print, printJson, printMessage } from '../output.js';
import { comparisonTable } from '../render/comparison.js';
import { evaluationSamples, evaluationTable } from '../render/evaluation.js';
import { makeReporter } from '../render/reporter.js';
import { evaluate } from '../runs/evaluate.js';

interface EvalFlags extends PreferOption {
  version?: number;
  samples: number;
  coordinator?: string;
  json?: true;
}

async function evalRuns(ids: readonly string[], flags: EvalFlags): Promise<void> {
  const { version, samples, prefer: preference } = flags;
  if (ids.length > 1 && version !== undefined) {
    throw new UserError('--version applies to a single run: evaluate the runs one by one');
  }
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined) throw new UserError(`${twice} is given twice: give each run once`);
  const coordinator = new Coordinator(coordinatorAddress(flags.coordinator));
  const interrupts = listenForInterrupts();
  try {
    const reporter = makeReporter(flags.json === true);
    // An unknown run fails before any evaluation.
    for (const id of ids) await coordinator.getRun(id);
    const reports: EvaluationReport[] = [];
    for (const run of ids) {
      if (ids.length > 1) reporter.say(`evaluating ${run}, ${reports.length + 1} of ${ids.length}`);
      const shown = ids.length > 1 && !flags.json ? 0 : samples;
      const options = { version, samples: shown, preference, signal: interrupts.stopRequested };
      reports.push(await evaluate(coordinator, run, reporter, options));
    }
    const [first] = reports;
    if (first === undefined) return;
    if (ids.length > 1) {
      if (flags.json) printJson(reports.map((report) => toJson('gapo.training.v1.EvaluationReport', report)));
      else print(comparisonTable(reports));
    } else if (flags.json) printMessage('gapo.training.v1.EvaluationReport', first);
    else {
      const parts = [evaluationTable(first), evaluationSamples(first, samples)];
      print(parts.filter((part) => part !== '').join('\n\n'));
    }
  } catch (error) {
    if (interrupts.stopRequested.aborted) throw new Exit(exitInterrupted);
    throw error;
  } finally {
    interrupts.release();
    coordinator.close();
  }
}

/** Creates the command. */
export function evalCommand(): Command {
  return new Command('eval')
    .description('evaluate runs on their held-out prompts, each compared with the policy that it started from')
    .argument('<id...>', "the runs' ids, as `gapo runs` lists them")
    .addOption(new Option('--version <n>', 'the policy version (default: the newest)').argParser(natural))
    .addOption(new Option('--samples <n>', 'sample prompts to show for a single run').default(3).argParser(natural))
    .addOption(preferOption())
    .addOption(coordinatorOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
With --json, one run prints an object, several print an array.

Example:
  gapo eval assistant-20250101-120000 --version 40
  gapo eval conditioned-20250101-120000 --prefer helpful=0.7
  gapo eval helpful-only-20250101-120000 harmless-only-20250101-130000`,
    )
    .action(evalRuns);
}
