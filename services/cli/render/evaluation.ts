/** An evaluation for people, and as the JSON object of `--json`. */
import type { EvaluationReport, EvaluationSample, Interval, ObjectiveEvaluation } from '@gapo/rpc';
import { fixed, orNull, percent, signed } from './numbers.js';
import { table } from './table.js';
import { oneLine } from './width.js';

const mean = (interval: Interval | null | undefined): number | undefined => interval?.mean;

function range(interval: Interval | null | undefined, show: (value: number) => string): string {
  return interval ? `${show(interval.low)} to ${show(interval.high)}` : 'n/a';
}

const three = (value: number): string => fixed(value, 3);

/** The table: a row for each objective, and the win rate over all. */
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
    `Held-out prompts: ${report.prompts}. Before: the starting policy (version 0). After: version ${report.version}.`,
    '',
    table(head, rows, [1, 2, 4, 5, 6, 7]),
    '',
    `Win rate against the starting policy over all objectives: ${percent(mean(report.winRate))} (95 %: ${range(report.winRate, percent)}).`,
    `Completion length in tokens: ${fixed(report.lengthBefore, 1)} before, ${fixed(report.lengthAfter, 1)} after.`,
  ].join('\n');
}

/** Sample prompts with both completions and their scores. */
export function evaluationSamples(report: EvaluationReport, limit = 3): string {
  const names = report.objectives.map(({ name }) => name);
  return report.samples
    .slice(0, limit)
    .map((sample) => sampleText(sample, names))
    .join('\n\n');
}

/** The first samples whose completion is another than before, or the first ones where there are none. */
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

/** One objective in `--json`. Numbers that are not known are null. */
export interface ObjectiveJson {
  before: number | null;
  after: number | null;
  /** The 95 % interval of `after`. */
  ci: [number | null, number | null];
  difference: number | null;
  winRate: number | null;
  acceptableBefore?: number | null;
  acceptableAfter?: number | null;
}

/** The objectives of an evaluation by name. */
export function objectivesJson(report: EvaluationReport): Record<string, ObjectiveJson> {
  return Object.fromEntries(report.objectives.map((objective) => [objective.name, objectiveJson(objective)]));
}

function objectiveJson(objective: ObjectiveEvaluation): ObjectiveJson {
  const { before, after, difference, winRate, acceptableBefore, acceptableAfter } = objective;
  return {
    before: orNull(before?.mean),
    after: orNull(after?.mean),
    ci: [orNull(after?.low), orNull(after?.high)],
    difference: orNull(difference?.mean),
    winRate: orNull(winRate?.mean),
    ...(acceptableBefore ? { acceptableBefore: orNull(acceptableBefore.mean) } : {}),
    ...(acceptableAfter ? { acceptableAfter: orNull(acceptableAfter.mean) } : {}),
  };
}
