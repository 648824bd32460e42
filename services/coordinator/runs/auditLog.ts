/** The audit log of a run: DATA_DIR/RUN/audit.jsonl, and audit.head.json with the hash of its last line. */
import { existsSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { emptyHead, headSchema, lineHash, type AuditEntry, type AuditHead } from '@gapo/access';
import { appendSync, UserError, writeAtomicallySync } from '@gapo/service';
import { auditFile, auditHeadFile } from '../state/fileNames.js';
import type { RunDirectory } from './runDirectory.js';

/** A change, as it is recorded. */
export type AuditRecord = Pick<AuditEntry, 'action' | 'by' | 'before' | 'after'>;

/** A log as it is on disk. */
export interface AuditContent {
  readonly lines: readonly string[];
  readonly head: AuditHead;
}

/** Returns the content of the files of a log with one entry, by their names. */
export function auditFilesOf(record: AuditRecord): ReadonlyMap<string, string> {
  const { text, head } = nextEntry([], record);
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

  constructor(directory: AuditedDirectory) {
    this.#directory = directory;
  }

  /**
   * Appends an entry, which is on disk when this returns.
   *
   * @throws UserError if it cannot be written
   */
  append(record: AuditRecord): void {
    this.#directory.assertWritable();
    const { text, head } = nextEntry(this.#readWhole(), record);
    appendSync(this.#path(auditFile), text);
    writeAtomicallySync(this.#path(auditHeadFile), headText(head));
    this.#directory.noteWritten();
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
    const path = this.#path(name);
    try {
      return existsSync(path) ? readFileSync(path, 'utf8') : '';
    } catch (error) {
      throw new UserError(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
    }
  }

  #path(name: string): string {
    return join(this.#directory.path, name);
  }
}

/** Returns the line of an entry after others, with its end, and the head that it makes. */
function nextEntry(lines: readonly string[], record: AuditRecord): { text: string; head: AuditHead } {
  const last = lines.at(-1);
  const entry: AuditEntry = {
    sequence: lines.length + 1,
    time: new Date().toISOString(),
    ...record,
    previous: last === undefined ? emptyHead.sha256 : lineHash(last),
  };
  const line = JSON.stringify(entry);
  return { text: `${line}\n`, head: { entries: entry.sequence, sha256: lineHash(line) } };
}

function headText(head: AuditHead): string {
  return `${JSON.stringify(head)}\n`;
}
