/** Formats the result of `gapo run` as text, and as the JSON of `--json`. */
import { toJson, type EvaluationReport, type ObjectiveEvaluationJson, type Run, type StepReport } from '@gapo/rpc';
import { changedSamples, evaluationTable } from './evaluation.js';
import { duration } from './numbers.js';

/** A completed run and the paths of its files. */
export interface RunResult {
  run: Run;
  steps: readonly StepReport[];
  evaluation: EvaluationReport;
  /** Path of the report. */
  page: string;
  /** Path of the traces; null if they are exported elsewhere. */
  trace: string | null;
  /** Describes where traces are exported instead. */
  otherTraces: string;
  wallSeconds: number;
}

/** Number of sample prompts to show. */
const shownSamples = 3;

/** Formats the table, sample prompts, and the paths of the run's files. */
export function resultText({ run, evaluation, page, trace, otherTraces, wallSeconds }: RunResult): string {
  return [
    '',
    evaluationTable(evaluation),
    '',
    changedSamples(evaluation, shownSamples),
    '',
    `run         ${run.id}: ${run.step} steps of ${run.method}, ${duration(wallSeconds)} in all`,
    `checkpoint  ${run.checkpoint}`,
    `version     sha256 ${run.versionSha256}`,
    `page        ${page}`,
    `trace       ${trace ?? otherTraces}`,
  ].join('\n');
}

/** Returns the object of `--json`: a summary, and the whole evaluation. Unknown numbers are null. */
export function resultJson({ run, steps, evaluation, page, trace, wallSeconds }: RunResult) {
  const report = toJson('gapo.training.v1.EvaluationReport', evaluation);
  const last = run.lastStep ?? steps.at(-1);
  return {
    run: run.id,
    objectives: Object.fromEntries(report.objectives.map((objective) => [objective.name, summaryOf(objective)])),
    winRate: report.winRate?.mean ?? null,
    wallSeconds: Number(wallSeconds.toFixed(3)),
    stationarity: (last && toJson('gapo.training.v1.StepReport', last).stationarity) ?? null,
    checkpoint: run.checkpoint,
    page,
    trace,
    versionSha256: run.versionSha256,
    steps: run.step,
    evaluation: report,
  };
}

function summaryOf(objective: ObjectiveEvaluationJson): object {
  const { before, after, difference, winRate, acceptableBefore, acceptableAfter } = objective;
  return {
    before: before?.mean ?? null,
    after: after?.mean ?? null,
    ci: [after?.low ?? null, after?.high ?? null],
    difference: difference?.mean ?? null,
    winRate: winRate?.mean ?? null,
    ...(acceptableBefore && { acceptableBefore: acceptableBefore.mean }),
    ...(acceptableAfter && { acceptableAfter: acceptableAfter.mean }),
  };
}
