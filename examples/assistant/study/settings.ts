/** The options of the study. */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

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
  /** Steps of each run. */
  steps: number;
  /** Directory of runs and results, from which an interrupted study resumes. Absolute. */
  data: string;
  /** Output directory of study.md and its images. Absolute. */
  out: string;
  /** The command that reproduces the study. */
  command: string;
}

export const help = `Trains the example with every method of the paper, several seeds each, and writes docs/study.md.

Options:
  --quick            one seed and half the steps (default: three seeds, the steps of run.yaml)
  --seeds <n>        seeds, from 1
  --steps <n>        steps of each run
  --data <directory> directory of runs and results (default: runs/study, with --quick runs/study-quick)
  --out <directory>  output directory of study.md and images/study/ (default: docs)

Run it again after an interruption to resume; completed runs are reused.

Example:
  node examples/assistant/dist/study/main.js --quick`;

/**
 * Parses the command line.
 *
 * @param fullSteps of examples/assistant/run.yaml
 * @returns undefined if --help is given
 * @throws StudyError if an option is unknown or a value is not a positive integer
 */
export function readStudySettings(args: readonly string[], fullSteps: number): StudySettings | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean' },
      seeds: { type: 'string' },
      steps: { type: 'string' },
      data: { type: 'string' },
      out: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) return undefined;
  const quick = values.quick === true;
  const seeds = positive('--seeds', values.seeds) ?? (quick ? 1 : 3);
  return {
    seeds: Array.from({ length: seeds }, (_, i) => i + 1),
    steps: positive('--steps', values.steps) ?? (quick ? Math.ceil(fullSteps / 2) : fullSteps),
    data: resolve(values.data ?? join(projectRoot, quick ? 'runs/study-quick' : 'runs/study')),
    out: resolve(values.out ?? join(projectRoot, 'docs')),
    command: commandOf(args),
  };
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
