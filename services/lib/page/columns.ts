/** The columns of a run's steps on a server: all steps in, few points out. */
import type { StepReport, StepReportJson } from '@gapo/rpc';
import {
  append,
  averaged,
  between,
  columnsOf,
  noSeries,
  seriesKinds,
  thinned,
  type Series,
  type SeriesKind,
} from './browser/series.js';

/** The columns of all steps, by what they are of use for. */
export type Columns = Readonly<Record<SeriesKind, Series>>;

/** Returns columns without steps. */
export function noColumns(): Columns {
  return { curves: noSeries(), conflicts: noSeries() };
}

/** Adds a step, after those that it follows. */
export function addStep(columns: Columns, step: StepReport | StepReportJson): void {
  for (const kind of seriesKinds) append(columns[kind], step.step, columnsOf(step, kind));
}

/** Which steps a series is to have, and how many points it may. */
export interface Wanted {
  readonly from: number;
  readonly to: number;
  readonly points: number;
}

/** Columns of a heat map: its cells need a width. */
const mostCells = 240;

/** Returns the steps that are wanted: curves with their extremes, conflicts as means. Numbers have six digits. */
export function columnsBetween(all: Series, kind: SeriesKind, { from, to, points }: Wanted): Series {
  const range = between(all, from, to);
  const few = kind === 'curves' ? thinned(range, points) : averaged(range, Math.min(points, mostCells));
  const rounded = (value: number | null): number | null => (value === null ? null : Number(value.toPrecision(6)));
  return {
    steps: few.steps,
    columns: Object.fromEntries(Object.entries(few.columns).map(([name, column]) => [name, column.map(rounded)])),
  };
}
