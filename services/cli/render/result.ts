/** What `gapo run` ends with: the result for people, and the JSON object of `--json`. */
import type { EvaluationReport, Run, StepReport } from '@gapo/rpc';
import { changedSamples, evaluationTable, objectivesJson } from './evaluation.js';
import { duration, orNull } from './numbers.js';

/** A run that took all its steps, and where everything of it is. */
export interface RunResult {
  run: Run;
  steps: readonly StepReport[];
  evaluation: EvaluationReport;
  /** The report's path. */
  page: string;
  /** The traces' path; null where they go elsewhere. */
  trace: string | null;
  /** Where they go then, for people. */
  otherTraces: string;
  wallSeconds: number;
}

/** Sample prompts that are shown. */
const shownSamples = 3;

/** The table, sample prompts, and where everything is. */
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

/** The object of `--json`. Numbers that are not known are null. */
export function resultJson({ run, steps, evaluation, page, trace, wallSeconds }: RunResult): object {
  const last = run.lastStep ?? steps.at(-1);
  return {
    run: run.id,
    objectives: objectivesJson(evaluation),
    winRate: orNull(evaluation.winRate?.mean),
    wallSeconds: Number(wallSeconds.toFixed(3)),
    stationarity: orNull(last?.stationarity),
    checkpoint: run.checkpoint,
    page,
    trace,
    versionSha256: run.versionSha256,
    steps: run.step,
  };
}
