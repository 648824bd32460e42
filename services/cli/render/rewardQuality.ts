/** Formats the quality of a fitted reward model. */
import type { Quality, ReliabilityBin } from '@gapo/training';
import { count, fixed, percent } from './numbers.js';
import { table } from './table.js';

/** Returns the accuracy with its interval, the calibration table without empty bins, and a summary. */
export function rewardQualityText({ pairs, accuracy, logLoss, calibrationError, bins }: Quality): string {
  const { value, low, high } = accuracy;
  const rows = bins.filter((bin) => bin.pairs > 0).map(row);
  return [
    `Of ${count(pairs)} held-out pairs ${percent(value, 1)} have the chosen answer's score above the rejected one's ` +
      `(95 %: ${percent(low, 1)} to ${percent(high, 1)}).`,
    '',
    table(['probability of the preferred answer', 'pairs', 'predicted', 'observed'], rows, [1, 2, 3]),
    '',
    `Expected calibration error ${fixed(calibrationError, 3)}. Log loss ${fixed(logLoss, 3)} nats per pair; ` +
      `chance is ${fixed(Math.LN2, 3)}.`,
  ].join('\n');
}

function row({ low, high, pairs, predicted, observed }: ReliabilityBin): readonly string[] {
  const share = (value: number | null): string => percent(value ?? undefined, 1);
  return [`${percent(low)} to ${percent(high)}`, count(pairs), share(predicted), share(observed)];
}
