/** DATA/<run>/report.html: the web page of one run as a self-contained file. */
import { join } from 'node:path';
import { renderReport, type ReportData } from '@gapo/page';
import { toJson, type EvaluationReport, type Run, type StepReport } from '@gapo/rpc';
import { writeAtomicallySync } from '@gapo/service';

/** Returns the path of a run's report. */
export function reportPath(dataDirectory: string, runId: string): string {
  return join(dataDirectory, runId, 'report.html');
}

/** What a report shows. */
export interface ReportContent {
  readonly run: Run;
  readonly steps: readonly StepReport[];
  readonly evaluation: EvaluationReport | undefined;
  /** What users did to the run. */
  readonly audit: Required<ReportData>['audit'];
}

/** Writes the report atomically and returns its path. */
export function writeReport(dataDirectory: string, { run, steps, evaluation, audit }: ReportContent): string {
  const path = reportPath(dataDirectory, run.id);
  const html = renderReport({
    run: toJson('gapo.training.v1.Run', run),
    steps: steps.map((step) => toJson('gapo.training.v1.StepReport', step)),
    ...(evaluation && { evaluation: toJson('gapo.training.v1.EvaluationReport', evaluation) }),
    audit,
  });
  writeAtomicallySync(path, html);
  return path;
}
