/** The audit log of a run: DATA_DIR/RUN/audit.jsonl, and audit.head.json with the hash of its last line. */
import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { emptyHead, headSchema, lineHash, type AuditEntry, type AuditHead } from '@gapo/access';
import { messageOf } from '@gapo/rpc';
import { appendSync, contentIfPresent, UserError, writeAtomicallySync } from '@gapo/service';
import { auditFile, auditHeadFile } from '../state/fileNames.js';
import { diskFaultOf } from './diskFault.js';
import type { RunDirectory } from './runDirectory.js';

/** A change as recorded. */
export type AuditRecord = Pick<AuditEntry, 'action' | 'by' | 'before' | 'after'>;

/** A log as stored on disk. */
export interface AuditContent {
  readonly lines: readonly string[];
  readonly head: AuditHead;
}

/** A change and when it was made. */
type TimedRecord = AuditRecord & Pick<AuditEntry, 'time'>;

/** Time between attempts to write an entry that the disk refused. */
const retryMs = 1000;

/** Returns the files of a log with one entry: their content by name. */
export function auditFilesOf(record: AuditRecord): ReadonlyMap<string, string> {
  const { text, head } = nextEntry([], timed(record));
  return new Map([
    [auditFile, text],
    [auditHeadFile, headText(head)],
  ]);
}

/** The part of a run's directory that the log uses. */
type AuditedDirectory = Pick<RunDirectory, 'path' | 'assertWritable' | 'noteWritten'>;

/** Appends to and reads the log of one run. */
export class AuditLog {
  readonly #directory: AuditedDirectory;
  readonly #warn: (message: string) => void;
  /** Entries of completed changes that are not on disk yet. */
  readonly #waiting: TimedRecord[] = [];
  /** The head that matches the lines on disk, while it has not been written. */
  #headDue: AuditHead | undefined;
  #retry: NodeJS.Timeout | undefined;

  /** @param warn receives a message when an entry has to wait for the disk */
  constructor(directory: AuditedDirectory, warn: (message: string) => void) {
    this.#directory = directory;
    this.#warn = warn;
  }

  /**
   * Appends the entry of a completed change. The entry is on disk when this returns; if the disk is full, it is written once there is
   * room.
   *
   * @throws UserError if it cannot be written for another reason
   */
  append(record: AuditRecord): void {
    this.#waiting.push(timed(record));
    const wasFull = this.#retry !== undefined;
    const fault = this.#write();
    if (fault !== undefined && !wasFull) {
      this.#warn(`${fault}; the change was made, and is recorded once there is room`);
    }
  }

  /** Tries one last time to write the pending entries. Reports what is lost. */
  close(): void {
    if (this.#retry === undefined) return;
    const changes = this.#waiting.map(({ action, by }) => `${action} by ${by.name}`).join(', ') || 'its head';
    const fault = this.#tryAgain();
    clearTimeout(this.#retry);
    if (fault !== undefined) this.#warn(`${fault}; the audit log lacks ${changes}`);
  }

  /**
   * Writes the pending entries, in order.
   *
   * @returns what is wrong with the disk, if it refuses
   * @throws UserError for any other error; the pending entries are then dropped
   */
  #write(): string | undefined {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    try {
      this.#directory.assertWritable();
      this.#writeHead();
      for (let [next] = this.#waiting; next !== undefined; [next] = this.#waiting) {
        const { text, head } = nextEntry(this.#readWhole(), next);
        appendSync(this.#path(auditFile), text);
        this.#waiting.shift();
        this.#headDue = head;
        this.#writeHead();
      }
    } catch (error) {
      if (diskFaultOf(error, this.#directory.path) === undefined) {
        this.#waiting.length = 0;
        throw error;
      }
      this.#retry = setTimeout(() => void this.#tryAgain(), retryMs).unref();
      return messageOf(error);
    }
    this.#directory.noteWritten();
    return undefined;
  }

  /** Returns what is wrong, if the entries cannot be written. */
  #tryAgain(): string | undefined {
    try {
      return this.#write();
    } catch (error) {
      this.#warn(messageOf(error));
      return messageOf(error);
    }
  }

  #writeHead(): void {
    if (this.#headDue === undefined) return;
    writeAtomicallySync(this.#path(auditHeadFile), headText(this.#headDue));
    this.#headDue = undefined;
  }

  /**
   * Reads the log; empty if nothing was recorded.
   *
   * @throws UserError if it cannot be read
   */
  read(): AuditContent {
    const text = this.#text(auditFile);
    const lines = text.split('\n');
    if (lines.at(-1) === '') lines.pop();
    return { lines, head: this.#head() };
  }

  /** Returns the lines. Drops an incomplete last line: its change was never confirmed to the caller. */
  #readWhole(): readonly string[] {
    const text = this.#text(auditFile);
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    if (whole.length < text.length) truncateSync(this.#path(auditFile), Buffer.byteLength(whole));
    return whole.split('\n').slice(0, -1);
  }

  #head(): AuditHead {
    const text = this.#text(auditHeadFile);
    if (text === '') return emptyHead;
    try {
      return headSchema.parse(JSON.parse(text));
    } catch (error) {
      throw new UserError(`${this.#path(auditHeadFile)} is damaged: the end of the audit log cannot be verified`, {
        cause: error,
      });
    }
  }

  #text(name: string): string {
    return contentIfPresent(this.#path(name)).toString('utf8');
  }

  #path(name: string): string {
    return join(this.#directory.path, name);
  }
}

/** Returns the line that appends an entry to the others, with its newline, and the resulting head. */
function nextEntry(lines: readonly string[], record: TimedRecord): { text: string; head: AuditHead } {
  const last = lines.at(-1);
  const entry: AuditEntry = {
    sequence: lines.length + 1,
    ...record,
    previous: last === undefined ? emptyHead.sha256 : lineHash(last),
  };
  const line = JSON.stringify(entry);
  return { text: `${line}\n`, head: { entries: entry.sequence, sha256: lineHash(line) } };
}

function timed(record: AuditRecord): TimedRecord {
  return { time: new Date().toISOString(), ...record };
}

function headText(head: AuditHead): string {
  return `${JSON.stringify(head)}\n`;
}
