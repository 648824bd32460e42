/** A program that measures real processes: its settings, what it says meanwhile, and its verdict. */
import { rmSync } from 'node:fs';
import { messageOf } from '@gapo/rpc';
import { z } from '@gapo/service';

/** A property, and what contradicts it. */
export interface Check {
  readonly name: string;
  /** Undefined where it holds. */
  readonly problem: string | undefined;
}

/** What a program found. */
export interface Findings {
  readonly checks: readonly Check[];
  /** The measurements, for JSON. */
  readonly data: Readonly<Record<string, unknown>>;
  /** The same as text. */
  readonly text: string;
  /** The directory with data and logs, which is removed where everything holds; undefined where there is none. */
  readonly root: string | undefined;
}

/** Settings of every program: JSON prints the findings as JSON, KEEP keeps the data and logs of a run in which everything holds. */
const common = { JSON: z.string().optional(), KEEP: z.string().optional() };

/** Reads settings from the environment. An empty variable counts as unset, since make passes those that nobody gave. */
export function programSettings<Shape extends z.ZodRawShape>(shape: Shape): z.output<z.ZodObject<Shape>> {
  return z.object(shape).parse(Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== '')));
}

/** Writes a line to stderr. */
export const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** Runs the program, prints its findings, and sets the exit code: 0 where every check holds. */
export async function runProgram(measure: () => Promise<Findings>): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  try {
    process.exitCode = conclude(await measure());
  } catch (error) {
    say(error instanceof Error ? (error.stack ?? error.message) : messageOf(error));
    console.log('0 passed, 1 failed');
    process.exitCode = 1;
  }
}

function conclude({ checks, data, text, root }: Findings): number {
  const settings = programSettings(common);
  const passed = checks.filter(({ problem }) => problem === undefined).length;
  const failed = checks.length - passed;
  if (settings.JSON !== undefined) console.log(JSON.stringify({ ...data, checks, passed, failed }));
  else {
    console.log(`\n${text}\n`);
    for (const { name, problem } of checks) {
      console.log(problem === undefined ? `ok    ${name}` : `FAIL  ${name}: ${problem}`);
    }
    console.log(`${passed} passed, ${failed} failed`);
  }
  if (root !== undefined) {
    if (failed === 0 && settings.KEEP === undefined) rmSync(root, { recursive: true, force: true });
    else say(`data and logs are in ${root}`);
  }
  return failed === 0 ? 0 : 1;
}
