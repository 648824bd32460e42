/** Formats an evaluation as text. */
import type { EvaluationReport, EvaluationSample, Interval } from '@gapo/rpc';
import { fixed, percent, signed } from './numbers.js';
import { statedText } from './preference.js';
import { table } from './table.js';
import { oneLine } from './width.js';

const mean = (interval: Interval | null | undefined): number | undefined => interval?.mean;

function range(interval: Interval | null | undefined, show: (value: number) => string): string {
  return interval ? `${show(interval.low)} to ${show(interval.high)}` : 'n/a';
}

const three = (value: number): string => fixed(value, 3);

/** Formats the table: a row per objective, and the win rate over all of them. */
export function evaluationTable(report: EvaluationReport): string {
  const rows = report.objectives.map((objective) => [
    objective.name,
    fixed(mean(objective.before), 3),
    fixed(mean(objective.after), 3),
    range(objective.after, three),
    signed(mean(objective.difference), 3),
    objective.acceptableBefore ? percent(objective.acceptableBefore.mean) : '-',
    objective.acceptableAfter ? percent(objective.acceptableAfter.mean) : '-',
    percent(mean(objective.winRate)),
  ]);
  const head = [
    'objective',
    'before',
    'after',
    '95 % interval',
    'difference',
    'acceptable before',
    'after',
    'win rate',
  ];
  return [
    `Held-out prompts: ${report.prompts}. Before: the starting policy (version 0). After: version ${report.version}${statedText(report.preference)}.`,
    '',
    table(head, rows, [1, 2, 4, 5, 6, 7]),
    '',
    `Win rate against the starting policy over all objectives: ${percent(mean(report.winRate))} (95 %: ${range(report.winRate, percent)}).`,
    `Completion length in tokens: ${fixed(report.lengthBefore, 1)} before, ${fixed(report.lengthAfter, 1)} after.`,
  ].join('\n');
}

/** Formats sample prompts with both completions and their scores. */
export function evaluationSamples(report: EvaluationReport, limit = 3): string {
  const names = report.objectives.map(({ name }) => name);
  return report.samples
    .slice(0, limit)
    .map((sample) => sampleText(sample, names))
    .join('\n\n');
}

/** Formats the first samples whose completion changed, or the first of all samples if none did. */
export function changedSamples(report: EvaluationReport, limit: number): string {
  const changed = report.samples.filter(({ before, after }) => before !== after);
  const shown = changed.length > 0 ? changed : report.samples;
  const which = changed.length > 0 ? 'whose completion changed' : '(no completion changed)';
  const head = `The first held-out prompts ${which}:`;
  return shown.length === 0 ? '' : `${head}\n\n${evaluationSamples({ ...report, samples: shown }, limit)}`;
}

function sampleText(sample: EvaluationSample, names: readonly string[]): string {
  const scores = (values: readonly number[]): string =>
    names.map((name, i) => `${name} ${fixed(values[i], 2)}`).join(', ');
  return [
    `prompt  ${oneLine(sample.prompt)}`,
    `before  ${oneLine(sample.before) || '(empty)'}  [${scores(sample.scoresBefore)}]`,
    `after   ${oneLine(sample.after) || '(empty)'}  [${scores(sample.scoresAfter)}]`,
  ].join('\n');
}
