/** Formats a run's progress: a block of lines for a terminal, and a single line for logs. */
import { certificateOfReport, certificateText } from '@gapo/objectives';
import { stateWord, type ObjectiveReport, type Progress, type StepReport } from '@gapo/rpc';
import { count, duration, fixed, percent, significant } from './numbers.js';
import { methodText } from './preference.js';
import { waitText } from './recovery.js';
import {
  orderedPreference,
  shownObjectives,
  stepsTaken,
  tokensPerSecond,
  type RunProgress,
  type WholeProgress,
} from './runProgress.js';
import { sparkline } from './sparkline.js';
import { displayWidth, fit, padEnd } from './width.js';

/** Maximum columns of a sparkline. */
const longestSparkline = 40;
const shortestSparkline = 4;

/**
 * Formats the block for a terminal.
 *
 * @param width the terminal's columns, the maximum width of a line
 */
export function progressLines(progress: RunProgress, width: number): string[] {
  const { run, last, whole } = progress;
  const reason = run.reason === '' ? '' : `: ${run.reason}`;
  const lines = [
    ...(whole === undefined ? [] : [`policy ${wholeText(whole)}`]),
    `${run.id}  ${methodText(run.method, orderedPreference(run))}  ${stateWord(run.state)}${reason}`,
    barLine(progress, width),
    ...objectiveLines(progress, width),
    joined(
      [
        ...klText(last),
        ...offPolicyText(last),
        `stationarity ${significant(last?.stationarity)}`,
        `${count(tokensPerSecond(last))} tokens/s`,
        `${duration(last?.seconds)}/step`,
        ...sourceOfWeights(progress),
      ],
      width,
    ),
    ...certificateOf(last),
    lastLine(progress),
  ];
  return lines.map((line) => fit(line, width).trimEnd());
}

/** Returns what the last direction did to each objective, if the report says. */
function certificateOf(last: StepReport | undefined): string[] {
  const certificate = last && certificateOfReport(last.objectives);
  return certificate === undefined ? [] : [`direction: ${certificateText(certificate)}`];
}

/** Returns what the run is doing or waiting for. */
function lastLine(progress: RunProgress): string {
  if (progress.doing) return phaseText(progress.doing);
  return waitText(progress.run) ?? (isRunning(progress) ? `step ${stepsTaken(progress) + 1}` : '');
}

/** Returns text such as `2 of 5 (helpful 0.3, harmless 0.7), 12 min 3 s left in total`. */
function wholeText({ part, of, label, etaSeconds }: WholeProgress): string {
  const left = etaSeconds === undefined ? '' : `, ${duration(etaSeconds)} left in total`;
  return `${part} of ${of} (${label})${left}`;
}

function isRunning(progress: RunProgress): boolean {
  const { state, totalSteps } = progress.run;
  return state === 'RUN_STATE_RUNNING' && stepsTaken(progress) < totalSteps;
}

/** Returns the age and the approximation error of the combination weights, if any. */
function sourceOfWeights({ last }: RunProgress): string[] {
  const { weightsAge = 0, approximationDegrees } = last ?? {};
  return [
    ...(weightsAge > 0 ? [`weights ${weightsAge} ${weightsAge === 1 ? 'step' : 'steps'} old`] : []),
    ...(approximationDegrees === undefined ? [] : [`${fixed(approximationDegrees, 1)}° from the exact update`]),
  ];
}

/** A run without a reference has no KL. */
function klText(last: StepReport | undefined): string[] {
  return last !== undefined && last.kl === undefined ? [] : [`KL ${significant(last?.kl)}`];
}

/** Returns how far the policy that sampled is from the one being trained, if measured. */
function offPolicyText(last: StepReport | undefined): string[] {
  const { staleness, effectiveSampleSize } = last ?? {};
  return [
    ...(staleness === undefined ? [] : [`sampled ${staleness} ${staleness === 1 ? 'update' : 'updates'} earlier`]),
    ...(effectiveSampleSize === undefined ? [] : [`effective sample ${percent(effectiveSampleSize)}`]),
  ];
}

/** Returns the values that only some methods report, and the number of completions without a score. */
function extras(report: ObjectiveReport | undefined): string[] {
  const { multiplier, accuracy, failed = 0 } = report ?? {};
  return [
    ...(multiplier === undefined ? [] : [`multiplier ${significant(multiplier)}`]),
    ...(accuracy === undefined ? [] : [`accuracy ${percent(accuracy)}`]),
    ...(failed > 0 ? [`${count(failed)} dropped`] : []),
  ];
}

/** Joins the leading parts that fit. */
function joined(parts: readonly string[], width: number): string {
  let line = '';
  for (const part of parts) {
    const longer = line === '' ? part : `${line}   ${part}`;
    if (displayWidth(longer) > width) break;
    line = longer;
  }
  return line === '' ? (parts[0] ?? '') : line;
}

function barLine(progress: RunProgress, width: number): string {
  const { run, last } = progress;
  const step = stepsTaken(progress);
  const share = run.totalSteps > 0 ? Math.min(step / run.totalSteps, 1) : 0;
  const counts = ` ${step}/${run.totalSteps}`;
  const eta = isRunning(progress) && step > 0 ? `  ${duration(last?.etaSeconds)} left` : '';
  const full = `${counts}  ${Math.floor(share * 100)} %${eta}`;
  const after = width - displayWidth(full) >= 12 ? full : counts;
  const room = Math.min(width - displayWidth(after) - 2, 50);
  if (room < 4) return `step${after}`;
  const done = Math.round(share * room);
  return `[${'█'.repeat(done)}${'·'.repeat(room - done)}]${after}`;
}

function objectiveLines(progress: RunProgress, width: number): string[] {
  const objectives = shownObjectives(progress);
  const nameWidth = Math.min(Math.max(...objectives.map(({ name }) => displayWidth(name)), 0), Math.floor(width / 3));
  return objectives.map(({ name, means, report }) => {
    const value = fixed(means.at(-1), 3).padStart(8);
    const more = extras(report)
      .map((text) => `  ${text}`)
      .join('');
    const tail = `  weight ${significant(report?.weight)}${more}`;
    const head = `${padEnd(name, nameWidth)} ${value}`;
    const room = Math.min(width - displayWidth(head) - 2 - 14 - more.length, longestSparkline);
    if (room < shortestSparkline) return displayWidth(head + tail) <= width ? head + tail : head + more;
    return `${head}  ${padEnd(sparkline(means, room), room)}${tail}`;
  });
}

/** Formats the current phase, such as `step 49: sampling 3/4, waiting for rollout 127.0.0.1:50051`. */
export function phaseText({ step, phase, done, total, waitingFor }: Progress): string {
  const units = total > 0 ? ` ${done}/${total}` : '';
  const waits = waitingFor === '' ? '' : `, waiting for ${waitingFor}`;
  return `step ${step}: ${phase}${units}${waits}`;
}

/** Formats one step as a line of a log: `step 48/120  helpful 0.412 (weight 0.625)  KL 0.0123  1,204 tokens/s  1 min 52 s left`. */
export function progressLine(progress: RunProgress): string {
  const { run, last, whole } = progress;
  // Skip objectives that the next step adds.
  const rewards = shownObjectives(progress).flatMap(({ name, means, report }) => {
    if (report === undefined) return [];
    const details = [`weight ${significant(report.weight)}`, ...extras(report)];
    return [`${name} ${fixed(means.at(-1), 3)} (${details.join(', ')})`];
  });
  const step = stepsTaken(progress);
  return [
    `step ${step}/${run.totalSteps}`,
    ...rewards,
    ...klText(last),
    ...offPolicyText(last),
    `${count(tokensPerSecond(last))} tokens/s`,
    ...sourceOfWeights(progress),
    ...certificateOf(last),
    ...(step < run.totalSteps ? [`${duration(last?.etaSeconds)} left`] : []),
    ...(whole === undefined ? [] : [`policy ${wholeText(whole)}`]),
  ].join('  ');
}
