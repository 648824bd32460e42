/** DATA/<run>/report.html: the web page of one run as a file of its own. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { evaluationJson, renderReport, runJson, stepJson } from '@gapo/page';
import type { EvaluationReport, Run, StepReport } from '@gapo/rpc';

/** Where the report of a run lies. */
export function reportPath(dataDirectory: string, runId: string): string {
  return join(dataDirectory, runId, 'report.html');
}

/** Writes the report, whole or not at all; returns its path. */
export function writeReport(
  dataDirectory: string,
  run: Run,
  steps: readonly StepReport[],
  evaluation: EvaluationReport | undefined,
): string {
  const path = reportPath(dataDirectory, run.id);
  mkdirSync(dirname(path), { recursive: true });
  const html = renderReport({
    run: runJson(run),
    steps: steps.map(stepJson),
    ...(evaluation === undefined ? {} : { evaluation: evaluationJson(evaluation) }),
  });
  writeFileSync(`${path}.new`, html);
  renameSync(`${path}.new`, path);
  return path;
}
