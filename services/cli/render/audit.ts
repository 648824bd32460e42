/** What users did to a run, as text. */
import type { AuditEntry } from '@gapo/access';
import { table } from './table.js';

/** Returns a table of the entries of an audit log. */
export function auditTable(entries: readonly AuditEntry[]): string {
  return table(['time', 'by', 'from', 'action', 'before', 'after'], entries.map(row));
}

function row({ time, action, by, before, after }: AuditEntry): string[] {
  const who = by.role === undefined ? by.name : `${by.name} (${by.role})`;
  const from = by.identity === undefined ? by.peer : `${by.peer} ${by.identity}`;
  return [time, who, from, action, JSON.stringify(before), JSON.stringify(after)];
}
