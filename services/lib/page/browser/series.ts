/** The numbers of a run's steps as columns, and as few of them as a chart can show. Pure functions, for servers and pages. */
import type { StepReportJson } from '@gapo/rpc/json';
import type { Value } from '#page/format.js';

/** Columns over steps. A value that is not known is null. */
export interface Series {
  /** Ascending. */
  steps: number[];
  /** By name; each has a value for each step. */
  columns: Record<string, (number | null)[]>;
}

/** Which columns are of use together: the charts of a run, or the cosines between its objectives. */
export const seriesKinds = ['curves', 'conflicts'] as const;

/** See {@link seriesKinds}. */
export type SeriesKind = (typeof seriesKinds)[number];

/** Stands between the parts of a column's name, and is in no objective's name. */
export const separator = '\n';

/** A step with the numbers that columns have, as a message or as its JSON. */
export type StepNumbers = Pick<StepReportJson, 'step'> & {
  readonly [
    K in 'kl' | 'stationarity' | 'effectiveSampleSize' | 'weightsAge' | 'approximationDegrees' | 'completionLength'
  ]?: Value;
} & {
  readonly phases?: object | null;
  readonly objectives: readonly ({ readonly name: string; readonly cosines?: object | null } & {
    readonly [K in 'rewardMean' | 'weight' | 'multiplier' | 'accuracy']?: Value;
  })[];
};

/** Returns the columns of one step: `reward⏎helpful`, `kl`, `phase⏎sampling`, or `cosine⏎helpful⏎harmless`. */
export function columnsOf(step: StepNumbers, kind: SeriesKind): Record<string, Value> {
  const columns: Record<string, Value> = {};
  const set = (name: string, value: Value): void => {
    if (value !== undefined) columns[name] = value;
  };
  for (const { name, cosines, ...objective } of step.objectives) {
    if (kind === 'conflicts') {
      for (const [other, cosine] of Object.entries<Value>({ ...cosines })) {
        set(['cosine', name, other].join(separator), cosine);
      }
      continue;
    }
    const of = (what: string): string => what + separator + name;
    set(of('reward'), objective.rewardMean);
    set(of('weight'), objective.weight);
    set(of('multiplier'), objective.multiplier);
    set(of('accuracy'), objective.accuracy);
  }
  if (kind === 'conflicts') return columns;
  set('kl', step.kl);
  set('stationarity', step.stationarity);
  set('sampleSize', step.effectiveSampleSize);
  set('age', step.weightsAge);
  set('angle', step.approximationDegrees);
  set('length', step.completionLength);
  for (const [phase, seconds] of Object.entries<Value>({ ...step.phases })) set(`phase${separator}${phase}`, seconds);
  return columns;
}

/** Returns columns without steps. */
export function noSeries(): Series {
  return { steps: [], columns: {} };
}

/** Adds a step at the end. Steps from the same one on are dropped first: a run that resumes repeats them. */
export function append(series: Series, step: number, values: Readonly<Record<string, Value>>): void {
  const { steps, columns } = series;
  let kept = steps.length;
  while (kept > 0 && (steps[kept - 1] ?? 0) >= step) kept--;
  if (kept < steps.length) {
    steps.length = kept;
    for (const column of Object.values(columns)) column.length = kept;
  }
  steps.push(step);
  for (const name of Object.keys(values)) columns[name] ??= new Array<null>(kept).fill(null);
  for (const [name, column] of Object.entries(columns)) column.push(finite(values[name]));
}

/** A number that JSON has, or null. */
function finite(value: Value): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** Returns the columns of steps. */
export function seriesOf(steps: readonly StepReportJson[], kind: SeriesKind): Series {
  const series = noSeries();
  for (const step of steps) append(series, step.step, columnsOf(step, kind));
  return series;
}

/** The columns by which runs are compared: those of each objective, then those of a run. */
const comparedOfObjective: readonly string[] = ['reward', 'weight'];
const comparedOfRun: readonly string[] = ['kl', 'stationarity', 'length'];

/** Puts the curves of several runs into one series: `reward⏎helpful · RUN` and `kl⏎RUN`, with a null at the steps that a run has no value for. */
export function joined(runs: readonly { readonly id: string; readonly series: Series }[]): Series {
  const steps = [...new Set(runs.flatMap(({ series }) => series.steps))].sort((a, b) => a - b);
  const columns: Series['columns'] = {};
  for (const { id, series } of runs) {
    const place = new Map(series.steps.map((step, i) => [step, i]));
    for (const [name, column] of Object.entries(series.columns)) {
      const [what = '', objective] = name.split(separator);
      const compared = objective === undefined ? comparedOfRun : comparedOfObjective;
      if (!compared.includes(what)) continue;
      const joint = what + separator + (objective === undefined ? id : `${objective} · ${id}`);
      columns[joint] = steps.map((step) => column[place.get(step) ?? -1] ?? null);
    }
  }
  return { steps, columns };
}

/** Returns the part from one step to another. */
export function between({ steps, columns }: Series, from: number, to: number): Series {
  const first = steps.findIndex((step) => step >= from);
  const after = steps.findIndex((step) => step > to);
  const range = [first === -1 ? steps.length : first, after === -1 ? steps.length : after] as const;
  return {
    steps: steps.slice(...range),
    columns: Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column.slice(...range)])),
  };
}

/** Steps of a bucket: `start` up to `end`, by index. */
interface Bucket {
  start: number;
  end: number;
}

/** Splits the indices from `start` up to `end` into buckets of equal size. */
function bucketsOf(start: number, end: number, count: number): Bucket[] {
  const edge = (i: number): number => start + Math.floor((i * (end - start)) / count);
  return Array.from({ length: count }, (_, i) => ({ start: edge(i), end: edge(i + 1) }));
}

/**
 * Thins a series for a chart. A bucket of steps becomes its first and its last step, and each column has its extremes there, in
 * the order in which they occur: no spike is lost. The first and the last step stay as they are.
 *
 * @param points the most steps that remain, at least 4
 */
export function thinned(series: Series, points: number): Series {
  const { steps, columns } = series;
  if (steps.length <= points) return series;
  const last = steps.length - 1;
  const between = bucketsOf(1, last, Math.floor((points - 2) / 2));
  const buckets = [{ start: 0, end: 1 }, ...between, { start: last, end: last + 1 }];
  const edges = ({ start, end }: Bucket): number[] => (end - start === 1 ? [start] : [start, end - 1]);
  return {
    steps: buckets.flatMap(edges).map((index) => steps[index] ?? 0),
    columns: Object.fromEntries(
      Object.entries(columns).map(([name, column]) => [name, buckets.flatMap((bucket) => extremesOf(column, bucket))]),
    ),
  };
}

/** Returns as many values as a bucket has edges. */
function extremesOf(column: readonly (number | null)[], { start, end }: Bucket): (number | null)[] {
  if (end - start === 1) return [column[start] ?? null];
  let [low, high] = [-1, -1];
  for (let i = start; i < end; i++) {
    const value = column[i];
    if (value === null || value === undefined) continue;
    if (low === -1 || value < (column[low] ?? 0)) low = i;
    if (high === -1 || value > (column[high] ?? 0)) high = i;
  }
  if (low === -1) return [null, null];
  return [column[Math.min(low, high)] ?? null, column[Math.max(low, high)] ?? null];
}

/**
 * Thins a series for a heat map: each bucket becomes its last step, with the means of its values.
 *
 * @param points the most steps that remain, at least 2
 */
export function averaged(series: Series, points: number): Series {
  const { steps, columns } = series;
  if (steps.length <= points) return series;
  const last = steps.length - 1;
  const buckets = [...bucketsOf(0, last, points - 1), { start: last, end: last + 1 }];
  return {
    steps: buckets.map(({ end }) => steps[end - 1] ?? 0),
    columns: Object.fromEntries(
      Object.entries(columns).map(([name, column]) => [name, buckets.map((bucket) => meanOf(column, bucket))]),
    ),
  };
}

function meanOf(column: readonly (number | null)[], { start, end }: Bucket): number | null {
  let [sum, count] = [0, 0];
  for (let i = start; i < end; i++) {
    const value = column[i];
    if (value === null || value === undefined) continue;
    sum += value;
    count++;
  }
  return count === 0 ? null : sum / count;
}
