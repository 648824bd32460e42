/** `gapo pareto`: shows which policies of a set are not dominated, with the hypervolume and a plot. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { EvaluationReport } from '@gapo/rpc';
import { UserError, writeAtomicallySync } from '@gapo/service';
import { Command, Option } from 'commander';
import { Coordinator, coordinatorAddress } from '../client.js';
import { exitInterrupted, Exit } from '../exit.js';
import { analyse } from '../fronts/analysis.js';
import { frontOf, memberOf, newestFront, readFront, type Front, type Member } from '../fronts/front.js';
import { frontPlot } from '../fronts/frontPlot.js';
import { frontJson, frontTable } from '../fronts/frontTable.js';
import { listenForInterrupts } from '../interrupts.js';
import { assignmentList } from '../options/assignments.js';
import { coordinatorOption, dataOption, jsonOption } from '../options/options.js';
import { print, printJson } from '../output.js';
import { fromHere } from '../project.js';
import { makeReporter } from '../render/reporter.js';
import { evaluate } from '../runs/evaluate.js';

interface ParetoFlags {
  svg?: string;
  reference?: Record<string, number>;
  coordinator?: string;
  data: string;
  json?: true;
}

async function pareto(given: readonly string[], flags: ParetoFlags): Promise<void> {
  const file = frontFile(given, flags);
  const front = file === undefined ? await evaluateRuns(given, flags) : readFront(file);
  const analysis = analyse(front, flags.reference);
  const svg = flags.svg !== undefined ? fromHere(flags.svg) : file && join(dirname(file), 'front.svg');
  const plotted = svg !== undefined && front.objectives.length > 1 ? svg : undefined;
  if (plotted !== undefined) writeAtomicallySync(plotted, frontPlot(front, analysis));
  if (flags.json) {
    printJson({ ...frontJson(front, analysis), files: { front: file ?? null, plot: plotted ?? null } });
    return;
  }
  const places = [
    ...(file === undefined ? [] : [`front  ${file}`]),
    ...(plotted === undefined ? [] : [`plot   ${plotted}`]),
  ];
  print([frontTable(front, analysis), ...(places.length > 0 ? ['', ...places] : [])].join('\n'));
}

/**
 * Returns the file to show; undefined if runs are given.
 *
 * @throws UserError if there is no front, or a file and runs are given
 */
function frontFile(given: readonly string[], flags: ParetoFlags): string | undefined {
  const [first] = given;
  if (first === undefined) {
    const data = fromHere(flags.data);
    const newest = newestFront(data);
    if (newest !== undefined) return newest;
    throw new UserError(
      `no front in ${join(data, 'fronts')}: create one with \`gapo front run.yaml\`, or give runs to compare`,
    );
  }
  const path = fromHere(first);
  // A run's id may also be the name of a directory here.
  const isDirectory = existsSync(join(path, 'front.json'));
  if (!first.endsWith('.json') && !isDirectory) return undefined;
  if (given.length > 1) throw new UserError('give one front.json, or runs, not both');
  return isDirectory ? join(path, 'front.json') : path;
}

async function evaluateRuns(ids: readonly string[], flags: ParetoFlags): Promise<Front> {
  const coordinator = new Coordinator(coordinatorAddress(flags.coordinator));
  const interrupts = listenForInterrupts();
  const reporter = makeReporter(flags.json === true);
  try {
    const runs = [];
    for (const id of new Set(ids)) runs.push(await coordinator.getRun(id));
    const evaluated: { member: Member; report: EvaluationReport }[] = [];
    for (const run of runs) {
      reporter.say(`evaluating ${run.id}, ${evaluated.length + 1} of ${runs.length}`);
      const report = await evaluate(coordinator, run.id, reporter, { samples: 0, signal: interrupts.stopRequested });
      evaluated.push({ member: memberOf(run), report });
    }
    return frontOf('runs', new Date(), runs[0]?.objectives ?? [], evaluated);
  } catch (error) {
    if (interrupts.stopRequested.aborted) throw new Exit(exitInterrupted);
    throw error;
  } finally {
    interrupts.release();
    coordinator.close();
  }
}

/** Creates the command. */
export function paretoCommand(): Command {
  return new Command('pareto')
    .description('show which policies of a set are not dominated, the hypervolume of each group, and a plot')
    .argument('[front-or-runs...]', 'a front.json, or ids of runs to evaluate (default: the newest front)')
    .addOption(
      new Option('--svg <file>', 'where to write the plot (default: front.svg next to a front.json, none for runs)'),
    )
    .addOption(
      new Option(
        '--reference <list>',
        'the reference point of the hypervolume, such as helpful=-2,harmless=-1',
      ).argParser(assignmentList),
    )
    .addOption(coordinatorOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
The default reference point is a tenth of each objective's range below its worst value in the set, so hypervolumes of
different sets compare only with the same --reference.

Example:
  gapo pareto
  gapo pareto helpful-only-20250101-120000 assistant-20250101-130000 --svg front.svg`,
    )
    .action(pareto);
}
