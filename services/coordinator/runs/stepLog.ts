/** The reports of a run's steps, kept on disk. Memory holds only the offset of each report, and the last few reports. */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { at } from '@gapo/numeric';
import { messageBytes, type StepReport } from '@gapo/rpc';
import { appendSync, UserError, writeAtomicallySync, z } from '@gapo/service';
import { stepsFile } from '../state/fileNames.js';
import { storedJson } from '../state/storedJson.js';
import { readLines } from './jsonLines.js';
import type { RunDirectory } from './runDirectory.js';

/** Reports in memory. */
const mostRecent = 10;
/** Maximum number of reports read at once. */
const mostRead = 32;
const newline = 0x0a;

/** The fields read from a report. Numbers that JSON cannot represent are NaN. */
const reportSchema = z.looseObject({
  step: z.int().min(1),
  seconds: z.union([z.number(), z.nan()]),
  objectives: z.array(z.looseObject({ name: z.string() })),
  phases: z.looseObject({}).optional(),
  traceId: z.string().optional(),
});

/** Position of a report in the file. */
interface Place {
  readonly step: number;
  /** Offsets in bytes, without the newline. */
  readonly start: number;
  readonly end: number;
}

/** The log of one run, steps.jsonl. */
export class StepLog {
  readonly #directory: RunDirectory;
  readonly #path: string;
  readonly #places: Place[] = [];
  #recent: StepReport[];

  /** @throws UserError if the file cannot be read */
  constructor(directory: RunDirectory) {
    this.#directory = directory;
    this.#path = join(directory.path, stepsFile);
    const lines = readLines(this.#path, reportOf);
    for (const { value, start, end } of lines) this.#places.push({ step: value.step, start, end });
    this.#recent = lines.slice(-mostRecent).map(({ value }) => value);
  }

  /** Number of reports. */
  get length(): number {
    return this.#places.length;
  }

  /** The last reports, at most ten, oldest first. */
  get recent(): readonly StepReport[] {
    return this.#recent;
  }

  /**
   * Returns the reports after `step` that are in the log now. Reads a few at a time, so that a slow reader takes no memory.
   *
   * @throws UserError, with the next report, if the file cannot be read
   */
  after(step: number): Generator<StepReport, void, undefined> {
    const first = this.#places.findIndex((place) => place.step > step);
    return this.#between(first === -1 ? this.length : first, this.length);
  }

  *#between(first: number, end: number): Generator<StepReport, void, undefined> {
    for (let next = first; next < Math.min(end, this.length); next += mostRead) {
      yield* this.#read(next, Math.min(next + mostRead, end, this.length));
    }
  }

  /** @throws UserError if the report cannot be written; the file is then unchanged */
  append(report: StepReport): void {
    const line = JSON.stringify(report);
    this.#directory.assertWritable();
    appendSync(this.#path, `${line}\n`);
    this.#place(report.step, line);
    this.#remember(report);
    this.#directory.noteWritten();
  }

  /**
   * Drops the reports of later steps, empty lines and a truncated line. Adds the report of the step if it is missing.
   *
   * @returns whether the report was added
   * @throws UserError if the file cannot be read or written; it is then unchanged
   */
  rewindTo(step: number, report: StepReport | undefined): boolean {
    const later = this.#places.findIndex((place) => place.step > step);
    const kept = later === -1 ? this.length : later;
    const lines = this.#lines(0, kept);
    const from = Math.max(0, kept - mostRecent);
    const recent = this.#reports(lines.slice(from), from);
    const missing = kept === 0 || at(this.#places, kept - 1).step !== step ? report : undefined;
    const entries = lines.map((line, i) => ({ step: at(this.#places, i).step, line }));
    if (missing !== undefined) entries.push({ step: missing.step, line: JSON.stringify(missing) });
    this.#directory.assertWritable();
    writeAtomicallySync(this.#path, entries.map(({ line }) => `${line}\n`).join(''));
    this.#places.length = 0;
    for (const entry of entries) this.#place(entry.step, entry.line);
    this.#recent = recent;
    if (missing !== undefined) this.#remember(missing);
    this.#directory.noteWritten();
    return missing !== undefined;
  }

  #remember(report: StepReport): void {
    this.#recent = [...this.#recent, report].slice(-mostRecent);
  }

  /** Records the position of the next line. */
  #place(step: number, line: string): void {
    const start = (this.#places.at(-1)?.end ?? -1) + 1;
    this.#places.push({ step, start, end: start + Buffer.byteLength(line) });
  }

  /** @throws UserError if the file cannot be read */
  #read(from: number, to: number): StepReport[] {
    return this.#reports(this.#lines(from, to), from);
  }

  /** @param from the place of the first line. @throws UserError if a line does not hold a report */
  #reports(lines: readonly string[], from: number): StepReport[] {
    return lines.map((line, i) => {
      try {
        return reportOf(line);
      } catch (error) {
        throw this.#changed(at(this.#places, from + i).step, error);
      }
    });
  }

  /**
   * Reads the lines of the reports from `from` up to `to`.
   *
   * @throws UserError if the file cannot be read, or its lines are not where they were written
   */
  #lines(from: number, to: number): string[] {
    const places = this.#places.slice(from, to);
    const [begin, last] = [places[0], places.at(-1)];
    if (begin === undefined || last === undefined) return []; // there may be no file
    const { start: first } = begin;
    const bytes = Buffer.alloc(last.end + 1 - first);
    try {
      const file = openSync(this.#path, 'r');
      try {
        readSync(file, bytes, 0, bytes.length, first);
      } finally {
        closeSync(file);
      }
    } catch (error) {
      throw new UserError(`${this.#path} cannot be read: ${(error as Error).message}`, { cause: error });
    }
    const moved = places.find(({ end }) => bytes[end - first] !== newline);
    if (moved !== undefined) throw this.#changed(moved.step);
    return places.map(({ start, end }) => bytes.toString('utf8', start - first, end - first));
  }

  /** @param step the step whose line is not where it was written */
  #changed(step: number, cause?: unknown): UserError {
    const what = `${this.#path} was changed by another program, or is damaged, from the report of step ${step} on`;
    return new UserError(`${what}; restore the file, or restart the coordinator to read it as it is`, { cause });
  }
}

/** @throws Error if a line does not hold a report */
function reportOf(line: string): StepReport {
  const report = storedJson(line);
  reportSchema.parse(report);
  // Throws if it cannot be sent to watchers of the run.
  messageBytes('gapo.training.v1.StepReport', report as StepReport);
  return report as StepReport;
}
