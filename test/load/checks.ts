/** What must hold under load. */
import type { Check } from '../processes/program.js';
import type { PairReport } from './pairs.js';
import type { Watched } from './watchers.js';

/** A part of the run. */
export interface Window {
  readonly name: string;
  readonly seconds: number;
  readonly steps: number;
  readonly medianSeconds: number;
  /** The share of a core used by each process. */
  readonly cpu: Readonly<Record<string, number>>;
}

/** What was measured. */
export interface LoadResult {
  readonly windows: readonly Window[];
  /** Without load. */
  readonly before: Window;
  /** With the full load. */
  readonly during: Window;
  readonly pairs: PairReport;
  readonly rpc: readonly Watched[];
  readonly pages: readonly Watched[];
  readonly lastStep: number;
  readonly lastEvent: number;
  /** Number of run directories left by the pairs. */
  readonly runs: number;
}

/** Maximum relative increase of step time. */
const mostGrowth = 0.2;

/** Checks a measurement. @param ended processes that ended */
export function loadChecks(result: LoadResult, ended: readonly string[]): Check[] {
  const { before, during, pairs, rpc, pages, lastStep, lastEvent } = result;
  const check = (name: string, problem: string | undefined): Check => ({ name, problem });
  const growth = during.medianSeconds / before.medianSeconds - 1;
  const created = pairs.created['OK'] ?? 0;
  return [
    check('no process ended', ended.length === 0 ? undefined : ended.join('; ')),
    check(
      'the median step takes less than 20 % longer',
      growth < mostGrowth ? undefined : `${(100 * growth).toFixed(0)} % longer`,
    ),
    check('every gRPC watcher received every step once, in order, and the end', incomplete(rpc, lastStep)),
    check('every page received every event once, in order, and the end', incomplete(pages, lastEvent)),
    check(
      'every CreateRun was answered, or refused with RESOURCE_EXHAUSTED',
      unclear(pairs.created, ['OK', 'RESOURCE_EXHAUSTED']),
    ),
    check(
      'every CancelRun was answered, with NOT_FOUND for a run that was refused',
      unclear(pairs.cancelled, ['OK', 'NOT_FOUND']) ?? unequal(created, pairs.cancelled['OK'] ?? 0),
    ),
  ];
}

function incomplete(watchers: readonly Watched[], last: number): string | undefined {
  const wrong = watchers.filter((watched) => watched.problem !== undefined || watched.last !== last || !watched.sawEnd);
  if (wrong.length === 0) return undefined;
  const [first] = wrong;
  const what =
    first?.problem ?? `up to ${first?.last} of ${last}, ${first?.sawEnd === true ? 'with' : 'without'} the end`;
  return `${wrong.length} of ${watchers.length} did not; the first: ${what}`;
}

function unclear(codes: Readonly<Record<string, number>>, clear: readonly string[]): string | undefined {
  const others = Object.entries(codes).filter(([code]) => !clear.includes(code));
  return others.length === 0 ? undefined : others.map(([code, times]) => `${times} times ${code}`).join(', ');
}

function unequal(created: number, cancelled: number): string | undefined {
  return created === cancelled ? undefined : `${created} were created, ${cancelled} cancelled`;
}
