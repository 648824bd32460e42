/** The audit log of a run: DATA_DIR/RUN/audit.jsonl, and audit.head.json with the hash of its last line. */
import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { emptyHead, headSchema, lineHash, type AuditEntry, type AuditHead } from '@gapo/access';
import { messageOf } from '@gapo/rpc';
import { appendSync, contentIfPresent, UserError, writeAtomicallySync } from '@gapo/service';
import { auditFile, auditHeadFile } from '../state/fileNames.js';
import { diskFaultOf } from './diskFault.js';
import type { RunDirectory } from './runDirectory.js';

/** A change, as it is recorded. */
export type AuditRecord = Pick<AuditEntry, 'action' | 'by' | 'before' | 'after'>;

/** A log as it is on disk. */
export interface AuditContent {
  readonly lines: readonly string[];
  readonly head: AuditHead;
}

/** A change and when it was made. */
type TimedRecord = AuditRecord & Pick<AuditEntry, 'time'>;

/** How often an entry that a disk refused is tried again. */
const retryMs = 1000;

/** Returns the content of the files of a log with one entry, by their names. */
export function auditFilesOf(record: AuditRecord): ReadonlyMap<string, string> {
  const { text, head } = nextEntry([], timed(record));
  return new Map([
    [auditFile, text],
    [auditHeadFile, headText(head)],
  ]);
}

/** What the log uses of a run's directory. */
type AuditedDirectory = Pick<RunDirectory, 'path' | 'assertWritable' | 'noteWritten'>;

/** Appends to and reads the log of one run. */
export class AuditLog {
  readonly #directory: AuditedDirectory;
  readonly #warn: (message: string) => void;
  /** Entries of changes that were made, which are not on disk. */
  readonly #waiting: TimedRecord[] = [];
  /** The head of the lines on disk, while it is not there. */
  #headDue: AuditHead | undefined;
  #retry: NodeJS.Timeout | undefined;

  /** @param warn receives a message where an entry has to wait for the disk */
  constructor(directory: AuditedDirectory, warn: (message: string) => void) {
    this.#directory = directory;
    this.#warn = warn;
  }

  /**
   * Appends the entry of a change that was made. It is on disk when this returns; where the disk is full, it is written once there is
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

  /** Tries a last time to write what waits for the disk. Says what is lost. */
  close(): void {
    if (this.#retry === undefined) return;
    const changes = this.#waiting.map(({ action, by }) => `${action} by ${by.name}`).join(', ') || 'its head';
    const fault = this.#tryAgain();
    clearTimeout(this.#retry);
    if (fault !== undefined) this.#warn(`${fault}; the audit log lacks ${changes}`);
  }

  /**
   * Writes what waits, in order.
   *
   * @returns what is wrong with the disk, if it refuses
   * @throws UserError for anything else, which drops what waits
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
   * Reads the log; empty where nothing was recorded.
   *
   * @throws UserError if it cannot be read
   */
  read(): AuditContent {
    const text = this.#text(auditFile);
    const lines = text.split('\n');
    if (lines.at(-1) === '') lines.pop();
    return { lines, head: this.#head() };
  }

  /** Returns the lines, and cuts off an incomplete last one, whose change was not confirmed to its caller. */
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

/** Returns the line of an entry after others, with its end, and the head that it makes. */
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
