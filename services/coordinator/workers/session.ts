/** The workers of a run, between its start or resumption and its next stop. */
import type { Logger } from '@gapo/service';
import type { WorkersRecord, WorkersRecords } from '../state/trainingState.js';
import { engineOf } from './agreement.js';
import type { GradientPool } from './gradients.js';
import type { RolloutPool } from './rollouts.js';

/** The pools that a run uses. */
export interface Pools {
  readonly rollout: RolloutPool;
  readonly gradient: GradientPool;
  readonly log: Logger;
}

const kinds = ['rollout', 'gradient'] as const;

/**
 * Keeps the workers alike until the returned function is called.
 *
 * @param recorded the workers that computed the run's last step; undefined before the first
 * @throws PauseNeeded if the current workers would compute different bytes
 */
export function holdWorkers(pools: Pools, recorded: WorkersRecords | undefined): () => void {
  const held: (() => void)[] = [];
  const release = (): void => {
    for (const each of held.splice(0)) each();
  };
  try {
    for (const kind of kinds) held.push(pools[kind].hold(recorded?.[kind]));
  } catch (error) {
    release();
    throw error;
  }
  return release;
}

/** Returns what the workers have in common. Logs which of them have a different build than before. */
export function workersOf(pools: Pools, before: WorkersRecords | undefined, runId: string): WorkersRecords {
  const records: Partial<Record<(typeof kinds)[number], WorkersRecord>> = { ...before };
  for (const kind of kinds) {
    const reference = pools[kind].reference;
    if (reference === undefined) continue;
    const was = before?.[kind]?.build;
    if (was !== undefined && was !== reference.build) {
      pools.log.warn(
        { run: runId, before: was, now: reference.build },
        `run ${runId}: its ${kind} workers are a different build than before, so results may differ`,
      );
    }
    const engine = engineOf(reference.environment);
    if (before?.[kind] === undefined && engine !== 'native') {
      pools.log.info(
        { run: runId, ...reference.environment },
        `run ${runId}: its ${kind} workers use ${engine}, so its results are not bit-identical from run to run`,
      );
    }
    records[kind] = reference;
  }
  return records;
}
