/** `gapo eval`: a run's policy on its held-out prompts, against the policy that it started from. */
import { Command, Option } from 'commander';
import { evaluationJson } from '@gapo/page';
import { Coordinator, coordinatorAddress } from '../client.js';
import { EXIT_INTERRUPTED, Exit } from '../exit.js';
import { listenForInterrupts } from '../interrupts.js';
import { coordinatorOption, jsonOption, natural } from '../options.js';
import { print, printJson } from '../output.js';
import { evaluationSamples, evaluationTable } from '../render/evaluation.js';
import { makeReporter } from '../render/reporter.js';
import { evaluate } from './evaluate.js';

interface EvalFlags {
  version?: number;
  samples: number;
  coordinator?: string;
  json?: true;
}

async function evalRun(id: string, flags: EvalFlags): Promise<void> {
  const coordinator = new Coordinator(coordinatorAddress(flags.coordinator));
  const interrupts = listenForInterrupts();
  try {
    const { version, samples } = flags;
    const reporter = makeReporter(process.stderr, flags.json === true);
    const report = await evaluate(coordinator, id, reporter, { version, samples, signal: interrupts.asked });
    if (flags.json) printJson(evaluationJson(report));
    else
      print([evaluationTable(report), evaluationSamples(report, samples)].filter((part) => part !== '').join('\n\n'));
  } catch (error) {
    if (interrupts.asked.aborted) throw new Exit(EXIT_INTERRUPTED);
    throw error;
  } finally {
    interrupts.release();
    coordinator.close();
  }
}

/** The command. */
export function evalCommand(): Command {
  return new Command('eval')
    .description('evaluate a run on its held-out prompts, against the policy that it started from')
    .argument('<id>', "the run's id, as `gapo runs` lists it")
    .addOption(new Option('--version <n>', 'the policy version (default: the newest)').argParser(natural))
    .addOption(new Option('--samples <n>', 'sample prompts to show').default(3).argParser(natural))
    .addOption(coordinatorOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  gapo eval assistant-20250101-120000 --version 40')
    .action(evalRun);
}
