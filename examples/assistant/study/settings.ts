/** The options of the study. */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { partNames, type PartName } from './methods.js';

/** The project's root. This file runs as examples/assistant/dist/study/settings.js. */
export const projectRoot = fileURLToPath(new URL('../../../../', import.meta.url));
/** The example's directory: relative paths of its configurations start there. */
export const exampleDirectory = join(projectRoot, 'examples/assistant');

/** An error that the user can fix; its message says how. */
export class StudyError extends Error {
  override readonly name = 'StudyError';
}

/** The options. */
export interface StudySettings {
  /** Seeds of training and evaluation. */
  seeds: number[];
  /** Seeds that are trained at a time. */
  parallel: number;
  /** Steps of each run. */
  steps: number;
  /** The parts, in the order in which they are trained for each seed. */
  parts: readonly PartName[];
  /** Directory of runs and results, from which an interrupted study resumes. Absolute. */
  data: string;
  /** Output directory of the pages and their images. Absolute. */
  out: string;
  /** The command that reproduces the study. */
  command: string;
}

export const help = `Trains the example with the methods of the paper and others, several seeds each, and writes docs/study.md and
docs/study-rewards.md.

Options:
  --quick            one seed and half the steps (default: five seeds, the steps of run.yaml)
  --seeds <n>        seeds, from 1
  --parallel <n>     seeds that are trained at a time (default: 1); two take about half the time where a step leaves
                     processors idle
  --parts <names>    some of ${partNames.join(', ')} (default: all): the paper's conditions; one reward
                     louder or quieter; advantages that are whitened objective by objective; four objectives; rewards that
                     are noisy, sparse or always in conflict (study-rewards.md)
  --steps <n>        steps of each run
  --data <directory> directory of runs and results (default: runs/study, with --quick runs/study-quick)
  --out <directory>  output directory of the pages and images/study/ (default: docs)

Run it again after an interruption to resume; completed runs are reused.

Example:
  node examples/assistant/dist/study/main.js --quick`;

/**
 * Parses the command line.
 *
 * @param fullSteps of examples/assistant/run.yaml
 * @returns undefined if --help is given
 * @throws StudyError if an option or a part is unknown, or a number is not a positive integer
 */
export function readStudySettings(args: readonly string[], fullSteps: number): StudySettings | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean' },
      seeds: { type: 'string' },
      parallel: { type: 'string' },
      parts: { type: 'string' },
      steps: { type: 'string' },
      data: { type: 'string' },
      out: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) return undefined;
  const quick = values.quick === true;
  const seeds = positive('--seeds', values.seeds) ?? (quick ? 1 : 5);
  return {
    seeds: Array.from({ length: seeds }, (_, i) => i + 1),
    parallel: positive('--parallel', values.parallel) ?? 1,
    steps: positive('--steps', values.steps) ?? (quick ? Math.ceil(fullSteps / 2) : fullSteps),
    parts: partsOf(values.parts),
    data: resolve(values.data ?? join(projectRoot, quick ? 'runs/study-quick' : 'runs/study')),
    out: resolve(values.out ?? join(projectRoot, 'docs')),
    command: commandOf(args),
  };
}

/** @throws StudyError for an unknown part */
function partsOf(text: string | undefined): readonly PartName[] {
  if (text === undefined) return partNames;
  const unknown = text.split(',').filter((name) => !partNames.some((known) => known === name));
  if (unknown.length > 0)
    throw new StudyError(`--parts: unknown part "${unknown.join()}", expected some of ${partNames.join(', ')}`);
  return partNames.filter((name) => text.split(',').includes(name));
}

/** Formats the command. */
function commandOf(args: readonly string[]): string {
  if (args.length === 0) return 'make study';
  if (args.join() === '--quick') return 'make study QUICK=1';
  return `node examples/assistant/dist/study/main.js ${args.join(' ')}`;
}

function positive(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new StudyError(`${option}: found "${text}", expected an integer over 0`);
  return value;
}
