/** DATA/<run>/report.html: the web page of one run as a file of its own. */
import { join } from 'node:path';
import { evaluationJson, renderReport, runJson, stepJson } from '@gapo/page';
import type { EvaluationReport, Run, StepReport } from '@gapo/rpc';
import { writeAtomicallySync } from '@gapo/service';

/** Where the report of a run lies. */
export function reportPath(dataDirectory: string, runId: string): string {
  return join(dataDirectory, runId, 'report.html');
}

/** Writes the report atomically and returns its path. */
export function writeReport(
  dataDirectory: string,
  run: Run,
  steps: readonly StepReport[],
  evaluation: EvaluationReport | undefined,
): string {
  const path = reportPath(dataDirectory, run.id);
  const html = renderReport({
    run: runJson(run),
    steps: steps.map(stepJson),
    ...(evaluation === undefined ? {} : { evaluation: evaluationJson(evaluation) }),
  });
  writeAtomicallySync(path, html);
  return path;
}
