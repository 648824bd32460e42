/**
 * A run on disk, under DATA_DIR/<runId>/: config.yaml as it was given, run.json with where the run is in its life,
 * steps.jsonl with one report a line, aims.jsonl with one change of objectives or preference a line, checkpoints/. Written
 * synchronously: each file is small, and what a caller was told has happened is on disk.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { RunState, type StepReport } from '@gapo/rpc';
import { word, writeAtomicallySync, z, UserError } from '@gapo/service';
import { goalChangeSchema, type GoalChange } from '../state/goals.js';

const recordSchema = z.object({
  format: z.literal(1),
  id: word,
  /** When it was created, RFC 3339. */
  created: z.string(),
  /** Where relative paths of the configuration start. */
  baseDirectory: z.string(),
  state: z.enum(RunState),
  reason: z.string(),
  /** Changes of state so far; numbers their events. */
  changes: z.int().min(0),
  /** How often it was resumed. */
  resumptions: z.int().min(0),
  /** The runs that it is an average of, with their weights; absent in a run that was trained. */
  ingredients: z.record(z.string(), z.number()).optional(),
});

/** Where a run is in its life, as run.json holds it. */
export type RunRecord = z.output<typeof recordSchema>;

const config = 'config.yaml';
const recordFile = 'run.json';
const steps = 'steps.jsonl';
const goalChangesFile = 'aims.jsonl';

/**
 * The key under which workers ask for a run's versions: its id and what sets this stretch of its life apart. A version
 * that was taken before a resumption may differ from the one of the same number taken after it (a reward that was
 * missing is there now), so workers must not confuse them.
 */
export function versionKey({ id, created, resumptions }: RunRecord): string {
  const lineage = createHash('sha256').update(`${id} ${created} ${resumptions}`).digest('hex').slice(0, 8);
  return `${id}~${lineage}`;
}

/** The files of one run. */
export class RunDirectory {
  readonly path: string;
  /** The directory of its checkpoints. */
  readonly checkpoints: string;

  constructor(path: string) {
    this.path = path;
    this.checkpoints = join(path, 'checkpoints');
  }

  /**
   * Makes the directory of a new run, whole or not at all.
   *
   * @throws UserError where it exists or cannot be written
   */
  static create(
    dataDirectory: string,
    record: RunRecord,
    configYaml: string,
    goalChanges: readonly GoalChange[] = [],
  ): RunDirectory {
    const target = join(dataDirectory, record.id);
    const partial = join(dataDirectory, `.${record.id}.partial`);
    try {
      rmSync(partial, { recursive: true, force: true });
      writeAtomicallySync(join(partial, config), configYaml);
      writeAtomicallySync(join(partial, recordFile), recordText(record));
      if (goalChanges.length > 0) writeAtomicallySync(join(partial, goalChangesFile), linesText(goalChanges));
      renameSync(partial, target);
    } catch (error) {
      rmSync(partial, { recursive: true, force: true });
      throw new UserError(`run ${record.id} cannot be written to ${target}: ${(error as Error).message}`, {
        cause: error,
      });
    }
    return new RunDirectory(target);
  }

  /** Whether a run of that id is on disk, readable or not. */
  static exists(dataDirectory: string, id: string): boolean {
    return existsSync(join(dataDirectory, id));
  }

  /** The directories of all runs under a directory; none where it does not exist. */
  static list(dataDirectory: string): readonly RunDirectory[] {
    try {
      return readdirSync(dataDirectory, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && word.safeParse(entry.name).success)
        .filter(({ name }) => existsSync(join(dataDirectory, name, recordFile))) // logs and the like lie here too
        .map(({ name }) => new RunDirectory(join(dataDirectory, name)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw new UserError(`DATA_DIR ${dataDirectory} cannot be read: ${(error as Error).message}`, { cause: error });
    }
  }

  /** @throws UserError where run.json is missing or damaged */
  readRecord(): RunRecord {
    const path = join(this.path, recordFile);
    try {
      return recordSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
    } catch (error) {
      const why =
        error instanceof z.ZodError ? (error.issues[0]?.message ?? 'it is not as it was written') : String(error);
      throw new UserError(`${path} is no record of a run: ${why}`, { cause: error });
    }
  }

  writeRecord(record: RunRecord): void {
    writeAtomicallySync(join(this.path, recordFile), recordText(record));
  }

  /**
   * The configuration as it was given.
   *
   * @throws UserError where it cannot be read
   */
  readConfig(): string {
    try {
      return readFileSync(this.configPath, 'utf8');
    } catch (error) {
      throw new UserError(`${this.configPath} cannot be read: ${(error as Error).message}`, { cause: error });
    }
  }

  get configPath(): string {
    return join(this.path, config);
  }

  /** The reports so far. A last line that a crash cut short does not count. */
  readSteps(): StepReport[] {
    // JSON has null for a number that is not finite, and the messages have no null besides.
    const parse = (line: string): unknown => JSON.parse(line, (_, value: unknown) => (value === null ? NaN : value));
    return this.#readLines(steps, (line) => parse(line) as StepReport);
  }

  appendStep(report: StepReport): void {
    appendFileSync(join(this.path, steps), `${JSON.stringify(report)}\n`);
  }

  /** The changes of what the run aims at so far, in their order. A last line that a crash cut short was never answered. */
  readGoalChanges(): GoalChange[] {
    return this.#readLines(goalChangesFile, (line) => goalChangeSchema.parse(JSON.parse(line)));
  }

  /** Replaces the changes of what the run aims at; they have reached the disk when this returns. */
  writeGoalChanges(changes: readonly GoalChange[]): void {
    this.#replaceLines(goalChangesFile, changes);
  }

  /** Replaces all reports, as when a run goes back to its last checkpoint. */
  writeSteps(reports: readonly StepReport[]): void {
    this.#replaceLines(steps, reports);
  }

  #readLines<T>(name: string, parse: (line: string) => T): T[] {
    const path = join(this.path, name);
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
    const lines = text.split('\n');
    return lines.flatMap((line, i) => {
      if (line === '') return [];
      try {
        return [parse(line)];
      } catch (error) {
        if (i === lines.length - 1) return [];
        throw new UserError(`${path}:${i + 1} is not as it was written; remove that line`, { cause: error });
      }
    });
  }

  #replaceLines(name: string, values: readonly unknown[]): void {
    writeAtomicallySync(join(this.path, name), linesText(values));
  }
}

function recordText(record: RunRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

function linesText(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}
