/**
 * `gapo explain`: which objectives gained from an update, which were hurt, and whether that was
 * avoidable.
 */
import { certificateOfReport, type UpdateCertificate } from '@gapo/objectives';
import type { Run, StepReport } from '@gapo/rpc';
import { UserError } from '@gapo/service';
import { Command } from 'commander';
import { Coordinator, coordinatorAddress } from '../client.js';
import { coordinatorOption, jsonOption, stepNumber } from '../options/options.js';
import { note, print, printJson } from '../output.js';
import { certificateReport } from '../render/certificate.js';

interface ExplainFlags {
  coordinator?: string;
  json?: true;
}

async function explain(
  id: string,
  step: number | undefined,
  { coordinator: address, json }: ExplainFlags,
): Promise<void> {
  const coordinator = new Coordinator(coordinatorAddress(address));
  try {
    const run = await coordinator.getRun(id);
    const report = await reportOf(coordinator, run, step ?? run.step);
    const certificate = certificateOf(run, report);
    if (json) {
      // The step's report already contains the weights and the numbers behind the Gram matrix.
      const { gram: _gram, weights: _weights, ...stated } = certificate;
      const { step: number, weightsAge } = report;
      return printJson({ run: id, step: number, method: run.method, weightsAge, ...stated });
    }
    print(`${id}, step ${report.step}: ${run.method}\n\n${certificateReport(certificate)}`);
    if (report.weightsAge > 0) {
      note(`the weights and gradients are those of step ${report.step - report.weightsAge} (combine.refreshEvery)`);
    }
  } finally {
    coordinator.close();
  }
}

/**
 * Returns the report of a step.
 *
 * @throws UserError if the run has not taken the step
 */
async function reportOf(coordinator: Coordinator, run: Run, step: number): Promise<StepReport> {
  if (step >= 1 && step <= run.step) {
    const stop = new AbortController();
    for await (const { step: report } of coordinator.watchRun(run.id, step - 1, { signal: stop.signal, say: note })) {
      if (report?.step === step) {
        stop.abort();
        return report;
      }
    }
  }
  throw new UserError(
    `run ${run.id} has no report of step ${step}: it has taken ${run.step} of ${run.totalSteps} steps`,
  );
}

/** @throws UserError for a report of an earlier release, which lacks what a certificate needs */
function certificateOf(run: Run, { step, objectives }: StepReport): UpdateCertificate {
  const certificate = certificateOfReport(objectives);
  if (certificate !== undefined) return certificate;
  throw new UserError(
    `the report of step ${step} of run ${run.id} has no gradient cosines, like those of earlier releases, or cosines that gradients cannot have: choose another step`,
  );
}

/** Creates the command. */
export function explainCommand(): Command {
  return new Command('explain')
    .description('show which objectives an update helped and hurt, and whether a direction existed that improves all')
    .argument('<id>', "the run's id, as `gapo runs` lists it")
    .argument('[step]', 'the step (default: the last one)', stepNumber)
    .addOption(coordinatorOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Progress is the inner product of an objective's gradient and the update; cosine is its angle to it. Both are first-order,
before the optimiser, and follow from the weights, norms and cosines in the step's report.

Example:
  gapo explain assistant-20250101-120000 12`,
    )
    .action(explain);
}
