/**
 * The entries of a run's audit log. Each line has the SHA-256 of the line before, so that a line that was edited, removed or moved is
 * found; the head, in a file of its own, has that of the last one.
 */
import { createHash } from 'node:crypto';
import { z } from '@gapo/service';

/** What people do to a run. */
const auditActions = ['created', 'preference', 'objectives', 'pause', 'resume', 'cancel'] as const;

const entrySchema = z.strictObject({
  /** From 1. */
  sequence: z.int().min(1),
  /** When, RFC 3339. */
  time: z.string(),
  action: z.enum(auditActions),
  /** By whom and from where. */
  by: z.strictObject({
    /** The name of the token, or the name that the request gives where callers show none. */
    name: z.string(),
    /** The role of the token; absent where callers show none. */
    role: z.string().optional(),
    /** The address and port of the connection: a person's, or the gateway's. */
    peer: z.string(),
    /** The name in the certificate of the connection. */
    identity: z.string().optional(),
  }),
  before: z.record(z.string(), z.unknown()),
  after: z.record(z.string(), z.unknown()),
  /** SHA-256 (hex) of the line before; zeros in the first. */
  previous: z.string(),
});

/** One entry. */
export type AuditEntry = z.output<typeof entrySchema>;

/** The content of the file with the head. */
export const headSchema = z.object({ entries: z.int().min(0), sha256: z.string() });

/** The number of entries, and the SHA-256 (hex) of the last line. */
export type AuditHead = z.output<typeof headSchema>;

/** The head of a log without entries. */
export const emptyHead: AuditHead = { entries: 0, sha256: '0'.repeat(64) };

/** Returns the SHA-256 (hex) of a line. */
export function lineHash(line: string): string {
  return createHash('sha256').update(line).digest('hex');
}

/** What is wrong with a log, at a line from 1. */
export interface AuditProblem {
  readonly line: number;
  readonly problem: string;
}

/** The entries of a log up to the first problem. */
export interface VerifiedAudit {
  readonly entries: readonly AuditEntry[];
  /** The first problem; undefined where every line is as it was written. */
  readonly problem: AuditProblem | undefined;
}

/**
 * Reads a log and checks that no line of it was edited, removed, moved or added.
 *
 * @param lines without their line breaks
 * @param head as it was written with the last line. The log may be one line ahead: a crash came between the two writes.
 */
export function verifyAudit(lines: readonly string[], head: AuditHead): VerifiedAudit {
  const entries: AuditEntry[] = [];
  const found = (line: number, problem: string): VerifiedAudit => ({ entries, problem: { line, problem } });
  let previous = emptyHead.sha256;
  for (const [index, line] of lines.entries()) {
    const number = index + 1;
    const entry = entryOf(line);
    if (entry === undefined) return found(number, 'is not an audit log entry');
    if (entry.sequence !== number)
      return found(number, `has the number ${entry.sequence}: lines were removed, added or moved`);
    if (entry.previous !== previous) {
      return found(
        Math.max(1, number - 1),
        `is not the line that line ${number} was written after: it was edited or replaced`,
      );
    }
    previous = lineHash(line);
    if (number === head.entries && previous !== head.sha256)
      return found(number, 'was edited or replaced after it was written');
    entries.push(entry);
  }
  if (lines.length < head.entries) {
    return found(lines.length + 1, `is missing, as is everything to line ${head.entries}: the log was cut`);
  }
  if (lines.length > head.entries + 1) return found(head.entries + 2, 'was not added by the coordinator');
  return { entries, problem: undefined };
}

function entryOf(line: string): AuditEntry | undefined {
  try {
    return entrySchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

/** Returns what is wrong with a run's audit log, as people read it. */
export function auditProblemText(id: string, { line, problem }: AuditProblem): string {
  return `the audit log of run ${id} was changed after it was written: line ${line} ${problem}`;
}
