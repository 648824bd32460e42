/** The view of a run that trackers read. */
import { auditProblemText, verifyAudit } from '@gapo/access';
import { toJson } from '@gapo/rpc';
import type { TrackedRun } from '../tracking/tracked/tracker.js';
import type { RunEvents } from './events.js';
import type { Run } from './run.js';
import type { RunDirectory } from './runDirectory.js';
import type { StepLog } from './stepLog.js';

/** What a run shows to trackers. */
interface TrackedParts {
  readonly run: Run;
  readonly directory: RunDirectory;
  readonly steps: StepLog;
  readonly log: RunEvents['log'];
}

/** Returns what trackers read of a run. */
export function trackedRun({ run, directory, steps, log }: TrackedParts): TrackedRun {
  return {
    id: run.id,
    created: run.created,
    config: run.config,
    directory: directory.path,
    assertWritable: () => directory.assertWritable(),
    lastEvent: () => log.last,
    eventsAfter: (number) => log.read(number),
    state: () => run.state,
    snapshot: () => run.snapshot(),
    configYaml: () => directory.readConfig(),
    report: () => reportOf(run, steps),
  };
}

/** Returns the web page of a run as one file. The page's files are loaded only when needed. */
async function reportOf(run: Run, steps: StepLog): Promise<string> {
  const { renderReport } = await import('@gapo/page');
  const { lines, head } = run.audit.read();
  const { entries, problem } = verifyAudit(lines, head);
  return renderReport({
    run: toJson('gapo.training.v1.Run', run.snapshot()),
    steps: [...steps.after(0)].map((step) => toJson('gapo.training.v1.StepReport', step)),
    audit: { entries, problem: problem && auditProblemText(run.id, problem) },
  });
}
