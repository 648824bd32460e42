/** The cost of each kind of fault. */
import { faultKinds, type PlannedFault } from './schedule.js';
import type { TrialResult } from './trial.js';

/** The cost of faults of a kind on a kind of service. */
export interface Cost {
  readonly fault: string;
  readonly faults: number;
  readonly meanSeconds: number;
  readonly mostSeconds: number;
  readonly repeatedSteps: number;
}

/**
 * Returns the cost of each kind. The time by which a step exceeded the undisturbed run's median is divided among the faults
 * that struck in it, and so are its repetitions.
 */
export function costsOf({ intervals, struck, begun }: TrialResult, medianSeconds: number): Cost[] {
  const rows = new Map<string, { seconds: number[]; repeated: number }>();
  for (const { fault, after } of struck) {
    const sharers = struck.filter((other) => other.after === after).length;
    const step = after + 1;
    const lost = Math.max((intervals[after] ?? 0) - medianSeconds, 0);
    const attempts = [...begun.values()].filter((steps) => steps.includes(step)).length;
    const row = rows.get(rowOf(fault)) ?? { seconds: [], repeated: 0 };
    row.seconds.push(lost / sharers);
    row.repeated += Math.max(attempts - 1, 0) / sharers;
    rows.set(rowOf(fault), row);
  }
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([fault, { seconds, repeated }]) => ({
    fault,
    faults: seconds.length,
    meanSeconds: seconds.reduce((sum, value) => sum + value, 0) / seconds.length,
    mostSeconds: Math.max(...seconds),
    repeatedSteps: repeated,
  })); // prettier-ignore
}

function rowOf({ kind, target }: PlannedFault): string {
  const on = target.replace(/-\w+$/, '');
  return ['point', 'slow', 'clock', 'full'].includes(kind) ? faultKinds[kind] : `${on}: ${faultKinds[kind]}`;
}

/** Returns the table. */
export function costTable(costs: readonly Cost[]): string {
  const rows = costs.map(({ fault, faults, meanSeconds, mostSeconds, repeatedSteps }) => [fault, String(faults), meanSeconds.toFixed(1), mostSeconds.toFixed(1), repeatedSteps.toFixed(1)]); // prettier-ignore
  const all = [['fault', 'times', 'mean s lost', 'most s lost', 'steps repeated'], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  return all.map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')).join('\n'); // prettier-ignore
}
