/** Evaluations of several runs in one table. */
import type { EvaluationReport, Interval } from '@gapo/rpc';
import { fixed, percent, signed } from './numbers.js';
import { table } from './table.js';

const range = (interval: Interval | null): string =>
  interval === null ? 'n/a' : `${fixed(interval.low, 3)} to ${fixed(interval.high, 3)}`;

/** A row for each objective of each run, each against the policy that its run started from. */
export function comparisonTable(runs: readonly { run: string; report: EvaluationReport }[]): string {
  const rows = runs.flatMap(({ run, report }) =>
    report.objectives.map(({ name, before, after, difference, winRate }, i) => [
      i === 0 ? run : '',
      i === 0 ? String(report.version) : '',
      name,
      fixed(before?.mean, 3),
      fixed(after?.mean, 3),
      range(after),
      signed(difference?.mean, 3),
      percent(winRate?.mean),
      i === 0 ? percent(report.winRate?.mean) : '',
      i === 0 ? fixed(report.lengthAfter, 1) : '',
    ]),
  );
  const head = ['run', 'version', 'objective', 'before', 'after', '95 % interval', 'difference'];
  const counts = [...new Set(runs.map(({ report }) => report.prompts))].join(', ');
  return [
    `Held-out prompts: ${counts}. Before: the policy that the run started from (version 0).`,
    '',
    table([...head, 'win rate', 'over all', 'tokens'], rows, [1, 3, 4, 6, 7, 8, 9]),
  ].join('\n');
}
