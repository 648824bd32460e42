/** Checks that memory, descriptors and data are bounded, by comparing the last third of a run's samples with the middle third. */
import { at, median } from '@gapo/numeric';
import type { Check } from '../processes/program.js';
import { dataKinds, type DataKind, type Sample } from './samples.js';

/** One value for each third of the samples: the median, unless stated otherwise. */
export type Thirds = readonly [first: number, middle: number, last: number];

/** The usage of one process. */
export interface ProcessRow {
  readonly process: string;
  readonly residentBytes: Thirds;
  /** The minimum of each third: files that are open for a moment come and go, leaked descriptors stay. */
  readonly descriptors: Thirds;
  /** CPU time over all samples, in seconds. */
  readonly cpuSeconds: number;
}

/** How one kind of data grew. */
export interface DataRow {
  readonly kind: DataKind;
  readonly bytes: Thirds;
  /** Growth per step over the last two thirds. */
  readonly bytesPerStep: number;
  /** Whether each step is meant to add to it. */
  readonly perStep: boolean;
}

/** How far the last third may exceed the middle third. */
const tolerance = 0.05;
/** Smaller growth does not count: partial pages and file blocks. */
const [leastBytes, leastDataBytes] = [1 << 20, 1 << 16];
const mebibyte = 1 << 20;

/** Returns a row for each process that ran in every sample. */
export function processRows(samples: readonly Sample[]): ProcessRow[] {
  const first = at(samples, 0);
  return [...first.processes.keys()].flatMap((process) => {
    const usages = samples.flatMap((sample) => sample.processes.get(process) ?? []);
    if (usages.length < samples.length) return [];
    return [
      {
        process,
        residentBytes: thirdsOf(usages.map(({ residentBytes }) => residentBytes)),
        descriptors: thirdsOf(
          usages.map(({ descriptors }) => descriptors),
          (counts) => Math.min(...counts),
        ),
        cpuSeconds: at(usages, usages.length - 1).cpuSeconds - at(usages, 0).cpuSeconds,
      },
    ];
  });
}

/** Returns a row for each kind of data. */
export function dataRows(samples: readonly Sample[]): DataRow[] {
  const late = samples.slice(Math.floor(samples.length / 3));
  const [begin, end] = [at(late, 0), at(late, late.length - 1)];
  return Object.entries(dataKinds).map(([name, { perStep }]) => {
    const kind = name as DataKind;
    const sizeIn = (sample: Sample): number => sample.data.get(kind) ?? 0;
    const bytesPerStep = (sizeIn(end) - sizeIn(begin)) / Math.max(end.step - begin.step, 1);
    return { kind, bytes: thirdsOf(samples.map(sizeIn)), bytesPerStep, perStep };
  });
}

/** Checks that nothing grows without bound. @param ended processes that exited */
export function soakChecks(
  processes: readonly ProcessRow[],
  data: readonly DataRow[],
  ended: readonly string[],
): Check[] {
  const check = (name: string, problems: readonly string[]): Check => ({
    name,
    problem: problems.length === 0 ? undefined : problems.join('; '),
  });
  const memory = processes.filter(({ residentBytes }) => grows(residentBytes, leastBytes));
  const descriptors = processes.filter(({ descriptors: [, middle, last] }) => last > middle);
  const bounded = data.filter(({ perStep, bytes }) => !perStep && grows(bytes, leastDataBytes));
  return [
    check('no process ended', ended),
    check(
      'resident memory: the last third is within 5 % of the middle third',
      memory.map(
        ({ process, residentBytes: [, middle, last] }) =>
          `${process} from ${mebibytes(middle)} to ${mebibytes(last)} MiB`,
      ),
    ),
    check(
      'no process has more descriptors in the last third',
      descriptors.map(({ process, descriptors: [, middle, last] }) => `${process} from ${middle} to ${last}`),
    ),
    check(
      'data that no step adds to does not grow',
      bounded.map(({ kind, bytes: [, middle, last] }) => `${kind} from ${mebibytes(middle)} to ${mebibytes(last)} MiB`),
    ),
  ];
}

/** Returns a number of bytes in MiB. */
export function mebibytes(bytes: number): string {
  return (bytes / mebibyte).toFixed(bytes < 10 * mebibyte ? 2 : 1);
}

function grows([, middle, last]: Thirds, least: number): boolean {
  return last > middle * (1 + tolerance) && last > middle + least;
}

function thirdsOf(values: readonly number[], typical: (third: readonly number[]) => number = median): Thirds {
  const third = (i: number): number =>
    typical(values.slice(Math.floor((i * values.length) / 3), Math.floor(((i + 1) * values.length) / 3)));
  return [third(0), third(1), third(2)];
}
