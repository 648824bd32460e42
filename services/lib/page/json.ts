/** The messages of gapo.training.v1 as the page's JSON. A number that is not finite becomes null, never 0. */
import type {
  EvaluationReport,
  Interval,
  ObjectiveEvaluation,
  ObjectiveReport,
  PhaseSeconds,
  Run,
  StepReport,
} from '@gapo/rpc';
import type {
  EvaluationData,
  IntervalData,
  Num,
  ObjectiveData,
  ObjectiveEvaluationData,
  RunData,
  StepData,
} from './browser/data.js';

const finite = (value: number | undefined): Num => (value !== undefined && Number.isFinite(value) ? value : null);

/** A run. */
export function runJson(run: Run): RunData {
  const { id, reason, step, totalSteps, objectives, method, configSha256, versionSha256, checkpoint, traceId } = run;
  return {
    id,
    state: run.state.replace(/^RUN_STATE_/, '').toLowerCase(),
    reason,
    step,
    totalSteps,
    objectives,
    method,
    created: run.created ? new Date(run.created.seconds * 1000 + run.created.nanos / 1e6).toISOString() : null,
    configSha256,
    versionSha256,
    checkpoint,
    traceId,
    lastStep: run.lastStep ? stepJson(run.lastStep) : null,
  };
}

/** A step. */
export function stepJson(step: StepReport): StepData {
  return {
    step: step.step,
    objectives: step.objectives.map(objectiveJson),
    kl: finite(step.kl),
    entropy: finite(step.entropy),
    clipFraction: finite(step.clipFraction),
    maxLogprobGap: finite(step.maxLogprobGap),
    stationarity: finite(step.stationarity),
    updateNorm: finite(step.updateNorm),
    learningRate: finite(step.learningRate),
    tokens: step.tokens,
    completionLength: finite(step.completionLength),
    finishedFraction: finite(step.finishedFraction),
    seconds: finite(step.seconds),
    phases: phasesJson(step.phases),
    etaSeconds: finite(step.etaSeconds),
    traceId: step.traceId,
  };
}

function phasesJson(phases: PhaseSeconds | null): StepData['phases'] {
  return {
    sampling: finite(phases?.sampling),
    rewards: finite(phases?.rewards),
    gradients: finite(phases?.gradients),
    combination: finite(phases?.combination),
    checkpoint: finite(phases?.checkpoint),
  };
}

function objectiveJson(objective: ObjectiveReport): ObjectiveData {
  return {
    name: objective.name,
    rewardMean: finite(objective.rewardMean),
    rewardStd: finite(objective.rewardStd),
    weight: finite(objective.weight),
    alpha: finite(objective.alpha),
    gradientNorm: finite(objective.gradientNorm),
    progress: finite(objective.progress),
    latencyMs: finite(objective.latencyMs),
    failed: objective.failed,
  };
}

function intervalJson(interval: Interval | null | undefined): IntervalData | null {
  return interval ? { mean: finite(interval.mean), low: finite(interval.low), high: finite(interval.high) } : null;
}

/** An evaluation. */
export function evaluationJson(report: EvaluationReport): EvaluationData {
  return {
    version: report.version,
    prompts: report.prompts,
    objectives: report.objectives.map(objectiveEvaluationJson),
    samples: report.samples.map(({ prompt, before, after, scoresBefore, scoresAfter }) => ({
      prompt,
      before,
      after,
      scoresBefore: scoresBefore.map(finite),
      scoresAfter: scoresAfter.map(finite),
    })),
    winRate: intervalJson(report.winRate),
    lengthBefore: finite(report.lengthBefore),
    lengthAfter: finite(report.lengthAfter),
  };
}

function objectiveEvaluationJson(objective: ObjectiveEvaluation): ObjectiveEvaluationData {
  return {
    name: objective.name,
    before: intervalJson(objective.before),
    after: intervalJson(objective.after),
    difference: intervalJson(objective.difference),
    winRate: intervalJson(objective.winRate),
    acceptableBefore: intervalJson(objective.acceptableBefore),
    acceptableAfter: intervalJson(objective.acceptableAfter),
  };
}
