/** Evaluates a run, for `eval`, `run`, `front` and `pareto`. */
import type { EvaluationReport } from '@gapo/rpc';
import { UserError } from '@gapo/service';
import type { Coordinator } from '../client.js';
import type { Reporter } from '../render/reporter.js';

/** Options of an evaluation. */
export interface EvaluateOptions {
  /** The policy version. @default the newest */
  version?: number | undefined;
  /** Number of sample prompts to return. */
  samples: number;
  /**
   * The preference given to the policy: shares by objective. @default the configured one, if the policy takes a
   * preference
   */
  preference?: Record<string, number> | undefined;
  signal?: AbortSignal;
}

/**
 * Evaluates a run on its held-out prompts and shows the progress.
 *
 * @throws UserError if the evaluation ends without a report
 */
export async function evaluate(
  coordinator: Coordinator,
  runId: string,
  reporter: Reporter,
  { version, samples, preference, signal }: EvaluateOptions,
): Promise<EvaluationReport> {
  let report: EvaluationReport | undefined;
  try {
    for await (const message of coordinator.evaluateRun(runId, { version, samples, preference, signal })) {
      if (message.report) report = message.report;
      if (message.progress) {
        const { phase, done, total, waitingFor } = message.progress;
        const waits = waitingFor === '' ? '' : `, waiting for ${waitingFor}`;
        reporter.work(`evaluating on the held-out prompts: ${phase}${total > 0 ? ` ${done}/${total}` : ''}${waits}`);
      }
    }
  } finally {
    reporter.finish();
  }
  if (report === undefined) {
    throw new UserError(
      `the evaluation of ${runId} ended without a report: see coordinator.log, and evaluate again with \`gapo eval ${runId}\``,
    );
  }
  return report;
}
