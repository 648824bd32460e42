/** A run's progress as text: the block of lines that a terminal shows, and the single line of everything else. */
import { count, duration, fixed, significant } from './numbers.js';
import { methodText } from './preference.js';
import type { RunProgress, WholeProgress } from './runProgress.js';
import { sparkline } from './sparkline.js';
import { displayWidth, fit, padEnd } from './width.js';

/** Columns that a sparkline takes at most. */
const longestSparkline = 40;
const shortestSparkline = 4;

/**
 * The block for a terminal.
 *
 * @param width the terminal's columns; no line is wider
 */
export function progressLines(progress: RunProgress, width: number): string[] {
  const lines = [
    ...(progress.whole === undefined ? [] : [`policy ${wholeText(progress.whole)}`]),
    `${progress.id}  ${methodText(progress.method, progress.preference)}  ${progress.state}${progress.reason === '' ? '' : `: ${progress.reason}`}`,
    barLine(progress, width),
    ...objectiveLines(progress, width),
    joined(
      [
        `KL ${significant(progress.kl)}`,
        `stationarity ${significant(progress.stationarity)}`,
        `${count(progress.tokensPerSecond)} tokens/s`,
        `${duration(progress.stepSeconds)}/step`,
      ],
      width,
    ),
    phaseLine(progress),
  ];
  return lines.map((line) => fit(line, width).trimEnd());
}

/** As `2 of 5 (helpful 0.3, harmless 0.7), 12 min 3 s left for all`. */
function wholeText({ part, of, label, etaSeconds }: WholeProgress): string {
  const left = etaSeconds === undefined ? '' : `, ${duration(etaSeconds)} left for all`;
  return `${part} of ${of} (${label})${left}`;
}

/** As many of the parts as fit, the first ones first. */
function joined(parts: readonly string[], width: number): string {
  let line = '';
  for (const part of parts) {
    const longer = line === '' ? part : `${line}   ${part}`;
    if (displayWidth(longer) > width) break;
    line = longer;
  }
  return line === '' ? (parts[0] ?? '') : line;
}

function barLine({ step, totalSteps, etaSeconds, state }: RunProgress, width: number): string {
  const share = totalSteps > 0 ? Math.min(step / totalSteps, 1) : 0;
  const counts = ` ${step}/${totalSteps}`;
  const running = state === 'running' && step < totalSteps;
  const eta = running && step > 0 ? `  ${duration(etaSeconds)} left` : '';
  const full = `${counts}  ${Math.floor(share * 100)} %${eta}`;
  const after = width - displayWidth(full) >= 12 ? full : counts;
  const room = Math.min(width - displayWidth(after) - 2, 50);
  if (room < 4) return `step${after}`;
  const done = Math.round(share * room);
  return `[${'█'.repeat(done)}${'·'.repeat(room - done)}]${after}`;
}

function objectiveLines({ objectives }: RunProgress, width: number): string[] {
  const nameWidth = Math.min(Math.max(...objectives.map(({ name }) => displayWidth(name)), 0), Math.floor(width / 3));
  return objectives.map(({ name, means, weight, dropped }) => {
    const value = fixed(means.at(-1), 3).padStart(8);
    const drops = dropped > 0 ? `  ${count(dropped)} dropped` : '';
    const tail = `  weight ${significant(weight)}${drops}`;
    const head = `${padEnd(name, nameWidth)} ${value}`;
    const room = Math.min(width - displayWidth(head) - 2 - 14 - drops.length, longestSparkline);
    if (room < shortestSparkline) return displayWidth(head + tail) <= width ? head + tail : head + drops;
    return `${head}  ${padEnd(sparkline(means, room), room)}${tail}`;
  });
}

function phaseLine({ phase, state, step, totalSteps }: RunProgress): string {
  if (phase === undefined) return state === 'running' && step < totalSteps ? `step ${step + 1}` : '';
  return phaseText(phase);
}

/** What is being done, as `step 49: sampling 3/4, waiting for rollout 127.0.0.1:50051`. */
export function phaseText(phase: NonNullable<RunProgress['phase']>): string {
  const pieces = phase.total > 0 ? ` ${phase.done}/${phase.total}` : '';
  const waits = phase.waitingFor === '' ? '' : `, waiting for ${phase.waitingFor}`;
  return `step ${phase.step}: ${phase.name}${pieces}${waits}`;
}

/** One step in one line, as for a log: `step 48/120  helpful 0.412  harmless 1.204  KL 0.0123  1,204 tokens/s  1 min 52 s left`. */
export function progressLine(progress: RunProgress): string {
  const { step, totalSteps, objectives, kl, tokensPerSecond, etaSeconds, whole } = progress;
  // One that the next step begins with has no part in this one.
  const rewards = objectives
    .filter(({ means }) => means.length > 0)
    .map(({ name, means, weight, dropped }) => {
      const drops = dropped > 0 ? `, ${count(dropped)} dropped` : '';
      return `${name} ${fixed(means.at(-1), 3)} (weight ${significant(weight)}${drops})`;
    });
  const left = step < totalSteps ? [`${duration(etaSeconds)} left`] : [];
  return [
    `step ${step}/${totalSteps}`,
    ...rewards,
    `KL ${significant(kl)}`,
    `${count(tokensPerSecond)} tokens/s`,
    ...left,
    ...(whole === undefined ? [] : [`policy ${wholeText(whole)}`]),
  ].join('  ');
}
