/** Formats the findings of `gapo reward check`. */
import type { Finding } from '../conformance/conformance.js';
import type { Throughput } from '../conformance/throughput.js';
import { count } from './numbers.js';
import { table } from './table.js';

const marks = { ok: 'ok    ', note: 'note  ', fails: 'FAILS ' } as const;

/**
 * Returns a line per finding, with its fix, and a table of throughput.
 *
 * @param answered whether the service described itself; otherwise nothing is known about the contract
 */
export function rewardCheckText(
  findings: readonly Finding[],
  speeds: readonly Throughput[],
  answered: boolean,
): string {
  const lines = findings.map(
    ({ what, verdict, found, fix }) => `${marks[verdict]}${what}: ${found}${fix === '' ? '' : `\n      fix: ${fix}`}`,
  );
  const failed = findings.filter(({ verdict }) => verdict === 'fails').length;
  const broken = `It breaks the contract in ${failed} ${failed === 1 ? 'way' : 'ways'}.`;
  const verdict = failed === 0 ? 'It meets the contract.' : broken;
  const end = answered ? verdict : 'No reward service answered at that address. Nothing was checked.';
  const rows = speeds.map(({ batch, calls, p50, p99, itemsPerSecond }) => [
    String(batch),
    String(calls),
    p50.toFixed(1),
    p99.toFixed(1),
    count(itemsPerSecond),
  ]);
  const speed =
    rows.length === 0
      ? ''
      : `\n\n${table(['items per call', 'calls', 'p50 ms', 'p99 ms', 'items/s'], rows, [0, 1, 2, 3, 4])}`;
  return `${lines.join('\n')}${speed}\n\n${end}`;
}
