/** Formats evaluations of several runs as one table. */
import type { EvaluationReport, Interval } from '@gapo/rpc';
import { fixed, percent, signed } from './numbers.js';
import { statedText } from './preference.js';
import { table } from './table.js';

const range = (interval: Interval | null): string =>
  interval === null ? 'n/a' : `${fixed(interval.low, 3)} to ${fixed(interval.high, 3)}`;

/** Returns a row per run and objective, compared with the policy that the run started from. */
export function comparisonTable(reports: readonly EvaluationReport[]): string {
  const rows = reports.flatMap((report) =>
    report.objectives.map(({ name, before, after, difference, winRate }, i) => [
      i === 0 ? report.runId + statedText(report.preference) : '',
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
  const counts = [...new Set(reports.map(({ prompts }) => prompts))].join(', ');
  return [
    `Held-out prompts: ${counts}. Before: the policy that the run started from (version 0).`,
    '',
    table([...head, 'win rate', 'over all', 'tokens'], rows, [1, 3, 4, 6, 7, 8, 9]),
  ].join('\n');
}
