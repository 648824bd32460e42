/**
 * The files of a run in DATA_DIR/<runId>/: config.yaml as submitted, run.json with the state, steps.jsonl with one
 * report per line, aims.jsonl with one change of objectives or preference per line, events/ with published events,
 * samples/ with completions, and checkpoints/. Small files are written synchronously, so that they are on disk before
 * the caller gets a response.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { RunState } from '@gapo/rpc';
import { dataKeys } from '@gapo/run-data';
import {
  contentOfSync,
  createDirectorySync,
  removeLeftovers,
  word,
  writeAtomicallySync,
  z,
  UserError,
} from '@gapo/service';
import { configFile, goalChangesFile, recordFile } from '../state/fileNames.js';
import { goalChangeSchema, type GoalChange } from '../state/goals.js';
import { acceptedInputsSchema } from './acceptedInputs.js';
import { attemptsSchema } from './attempts.js';
import { auditFilesOf, type AuditRecord } from './auditLog.js';
import { linesText, readLines } from './jsonLines.js';

const recordSchema = z.object({
  format: z.literal(1),
  id: word,
  /** When it was created, RFC 3339. */
  created: z.iso.datetime(),
  /** The directory against which relative paths in the configuration are resolved. */
  baseDirectory: z.string(),
  state: z.enum(RunState),
  reason: z.string(),
  /** Number of state changes so far; events are numbered by it. */
  changes: z.int().min(0),
  /** Number of resumptions. */
  resumptions: z.int().min(0),
  /** The weights of the averaged runs; absent in a trained run. */
  ingredients: z.record(z.string(), z.number()).optional(),
  /** The files that its data was read from when it was created; absent in an average of runs. */
  data: z
    .array(
      z.object({
        key: z.enum(dataKeys),
        file: z.string(),
        sha256: z.string(),
        rows: z.int().min(0),
        dropped: z.int().min(0),
        truncated: z.int().min(0),
      }),
    )
    .optional(),
  /** A user's request to stop that has not been carried out yet. It survives a restart of the process. */
  requested: z.object({ transition: z.enum(['pause', 'cancel']), reason: z.string() }).optional(),
  /** Whether the coordinator will resume the paused run automatically: when it next starts, or once a fault is over. */
  continues: z.boolean().optional(),
  /** Automatic resumptions; absent before the first. */
  attempts: attemptsSchema.optional(),
  /** Changes to the run's input files that users accepted, in order. */
  acceptedInputs: acceptedInputsSchema.optional(),
});

/** The content of run.json. */
export type RunRecord = z.output<typeof recordSchema>;

/** Maximum length of a message about a damaged run.json, in characters: someone may have put anything into the file. */
const longestReason = 1000;

/**
 * Returns the key by which workers fetch a run's versions: its id and a hash that changes with each resumption.
 * Versions of the same number before and after a resumption can differ (a score that was missing can be present now),
 * so workers must not confuse them.
 */
export function versionKey({ id, created, resumptions }: RunRecord): string {
  const lineage = createHash('sha256').update(`${id} ${created} ${resumptions}`).digest('hex').slice(0, 8);
  return `${id}~${lineage}`;
}

/** Allows writes for as long as this coordinator owns the data directory. */
export interface WriteGuard {
  /** @throws UserError if another coordinator has taken over */
  assertHeld(): void;
  /**
   * Called after each write of a run's record, goals, steps or audit log. Each checkpoint is followed by such a write.
   */
  onWritten?(directory: RunDirectory): void;
}

/** The files of one run. */
export class RunDirectory {
  readonly path: string;
  /** The directory of its checkpoints. Call {@link assertWritable} before a write there. */
  readonly checkpoints: string;
  /** The directory of its events. Call {@link assertWritable} before a write there. */
  readonly events: string;
  /** The directory of the stored completions. Call {@link assertWritable} before a write there. */
  readonly samples: string;
  readonly #guard: WriteGuard;

  constructor(path: string, guard: WriteGuard) {
    this.path = path;
    this.checkpoints = join(path, 'checkpoints');
    this.events = join(path, 'events');
    this.samples = join(path, 'samples');
    this.#guard = guard;
  }

  /** The run's id, which is the directory's name. */
  get id(): string {
    return basename(this.path);
  }

  /** @throws UserError if another coordinator has taken over the data directory */
  assertWritable(): void {
    this.#guard.assertHeld();
  }

  /** Call this after writing a file of the run that this class does not write. */
  noteWritten(): void {
    this.#guard.onWritten?.(this);
  }

  /**
   * Creates the directory of a new run atomically, with its audit log.
   *
   * @param created the first entry of the log
   * @throws UserError if it exists or cannot be written
   */
  static create(
    dataDirectory: string,
    guard: WriteGuard,
    record: RunRecord,
    configYaml: string,
    created: AuditRecord,
    goalChanges: readonly GoalChange[] = [],
  ): RunDirectory {
    const target = join(dataDirectory, record.id);
    guard.assertHeld();
    const files = new Map([[configFile, configYaml], [recordFile, recordText(record)], ...auditFilesOf(created)]);
    if (goalChanges.length > 0) files.set(goalChangesFile, linesText(goalChanges));
    createDirectorySync(target, files);
    const directory = new RunDirectory(target, guard);
    directory.noteWritten();
    return directory;
  }

  /** Whether a run id has a directory, readable or not. */
  static exists(dataDirectory: string, id: string): boolean {
    return existsSync(join(dataDirectory, id));
  }

  /**
   * Lists the directories of all runs; none if the data directory does not exist.
   *
   * @throws UserError if it cannot be read
   */
  static list(dataDirectory: string, guard: WriteGuard): readonly RunDirectory[] {
    try {
      return readdirSync(dataDirectory, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && word.safeParse(entry.name).success)
        .filter(({ name }) => existsSync(join(dataDirectory, name, recordFile))) // skips other directories, such as logs
        .map(({ name }) => new RunDirectory(join(dataDirectory, name), guard));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw new UserError(`DATA_DIR ${dataDirectory} cannot be read: ${(error as Error).message}`, { cause: error });
    }
  }

  /**
   * Removes the leftovers of a process that ended during a write. @throws UserError if the directory cannot be written
   */
  async removeLeftovers(): Promise<void> {
    this.#guard.assertHeld();
    for (const folder of [this.path, this.checkpoints, this.samples]) await removeLeftovers(folder);
  }

  /** @throws UserError if run.json is missing or damaged */
  readRecord(): RunRecord {
    const path = join(this.path, recordFile);
    try {
      const record = recordSchema.parse(JSON.parse(contentOfSync(path).toString('utf8')));
      if (record.id === this.id) return record;
      throw new UserError(`it is that of run ${record.id}; rename the directory to ${record.id}`);
    } catch (error) {
      const why =
        error instanceof z.ZodError
          ? error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')
          : (error as Error).message;
      throw new UserError(`${path} is not a valid run record: ${why.slice(0, longestReason)}`, { cause: error });
    }
  }

  /** @throws UserError if it cannot be written */
  writeRecord(record: RunRecord): void {
    this.#write(recordFile, recordText(record));
  }

  /**
   * Reads the configuration as submitted.
   *
   * @throws UserError if it cannot be read
   */
  readConfig(): string {
    try {
      return contentOfSync(this.configPath).toString('utf8');
    } catch (error) {
      throw new UserError(`${this.configPath} cannot be read: ${(error as Error).message}`, { cause: error });
    }
  }

  get configPath(): string {
    return join(this.path, configFile);
  }

  /** Reads all changes of goals, in order. Skips a last line that a crash truncated: its request was never answered. */
  readGoalChanges(): GoalChange[] {
    const read = readLines(join(this.path, goalChangesFile), (line) => goalChangeSchema.parse(JSON.parse(line)));
    return read.map(({ value }) => value);
  }

  /** Replaces all changes of goals; they are on disk when this returns. */
  writeGoalChanges(changes: readonly GoalChange[]): void {
    this.#write(goalChangesFile, linesText(changes));
  }

  /** @throws UserError if it cannot be written */
  #write(name: string, text: string): void {
    this.#guard.assertHeld();
    writeAtomicallySync(join(this.path, name), text);
    this.noteWritten();
  }
}

function recordText(record: RunRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}
