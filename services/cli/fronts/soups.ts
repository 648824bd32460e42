/** Creates averages of runs and reuses existing ones. */
import type { Run } from '@gapo/rpc';
import type { Coordinator } from '../client.js';

const sameShare = 1e-9;

/** Returns the run that averages others with weights that sum to 1; creates it if it does not exist. */
export async function soupOf(
  coordinator: Coordinator,
  shares: Readonly<Record<string, number>>,
  signal: AbortSignal,
): Promise<Run> {
  const existing = (await coordinator.listRuns()).find(
    (run) => run.state === 'RUN_STATE_SUCCEEDED' && sameShares(run.ingredients, shares),
  );
  return existing ?? coordinator.createSoup({ ...shares }, undefined, signal);
}

function sameShares(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Math.abs((a[name] ?? NaN) - (b[name] ?? NaN)) < sameShare)
  );
}
