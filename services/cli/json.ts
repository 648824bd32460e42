/** A run as `--json` prints it. */
import { runJson as pageJson } from '@gapo/page';
import type { Run } from '@gapo/rpc';

/** What the web page shows of a run, with the preference in force and, for an average, the runs that it is made of. */
export type RunJson = ReturnType<typeof pageJson> & {
  /** By objective; empty where the method takes none. */
  preference: Record<string, number>;
  /** Shares by run; empty for a run that was trained. */
  ingredients: Record<string, number>;
};

/** A run. Numbers that are not finite are null. */
export function runJson(run: Run): RunJson {
  return { ...pageJson(run), preference: { ...run.preference }, ingredients: { ...run.ingredients } };
}
