/** The directories of a run's checkpoints: which exist, which are kept, and after which steps one is written. */
import { readdir, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { removeDirectory, UserError } from '@gapo/service';

/** A checkpoint on disk. */
export interface CheckpointPlace {
  readonly step: number;
  readonly directory: string;
}

/** Which checkpoints are kept. */
export interface Retention {
  /** Steps between the checkpoints that are kept longer. */
  readonly every: number;
  /** How many of them are kept. */
  readonly keep: number;
  /** The last step, whose checkpoint is kept like them. */
  readonly steps: number;
}

/** Number of newest checkpoints that are always kept: the last one, and the one before it in case the last is damaged. */
const newestKept = 2;

/** Returns the directory of a step's checkpoint. */
export function checkpointDirectory(parent: string, step: number): string {
  return join(parent, checkpointName(step));
}

/** Returns the name of the directory of a step's checkpoint. */
export function checkpointName(step: number): string {
  return `step-${String(step).padStart(6, '0')}`;
}

/** Returns the step of a checkpoint directory, by its name; undefined if it is not a checkpoint. */
export function stepOf(name: string): number | undefined {
  const match = /^step-(\d+)$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/**
 * Lists the checkpoints in a directory, oldest first. Omits unfinished ones.
 *
 * @throws UserError if the directory cannot be read
 */
export async function listCheckpoints(parent: string): Promise<readonly CheckpointPlace[]> {
  const names = await readdir(parent).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new UserError(`${parent} cannot be read: ${error.message}`, { cause: error });
  });
  return names
    .flatMap((name) => {
      const step = stepOf(name);
      return step === undefined ? [] : [{ step, directory: join(parent, name) }];
    })
    .sort((a, b) => a.step - b.step);
}

/** Whether the checkpoint of a step is kept when it is no longer among the newest. */
export function isMilestone(step: number, { every, steps }: Retention): boolean {
  return step % every === 0 || step === steps;
}

/** Returns the steps whose checkpoints are not kept. */
export function superfluous(steps: readonly number[], retention: Retention): readonly number[] {
  const ascending = [...steps].sort((a, b) => a - b);
  const milestones = ascending.filter((step) => isMilestone(step, retention)).slice(-retention.keep);
  const kept = new Set([...milestones, ...ascending.slice(-newestKept)]);
  return ascending.filter((step) => !kept.has(step));
}

/**
 * Removes the checkpoints up to a step that are no longer kept. Later ones belong to an earlier attempt that was refused; they
 * are replaced when the run reaches them.
 */
export async function prune(parent: string, step: number, retention: Retention): Promise<void> {
  const reached = (await listCheckpoints(parent)).filter((place) => place.step <= step);
  const removed = superfluous(
    reached.map((place) => place.step),
    retention,
  );
  for (const place of reached) if (removed.includes(place.step)) await removeDirectory(place.directory);
}

/**
 * Renames damaged checkpoints so that they are neither read nor counted again. Their files stay for inspection until the next
 * time checkpoints are set aside.
 */
export async function setAside(parent: string, places: readonly CheckpointPlace[]): Promise<void> {
  for (const name of await readdir(parent)) {
    if (name.startsWith(damagedPrefix)) await removeDirectory(join(parent, name));
  }
  for (const { directory } of places) {
    await rename(directory, join(dirname(directory), `${damagedPrefix}${basename(directory)}`));
  }
}

const damagedPrefix = 'damaged-';

/** Bytes of trained tensors and moments up to which a checkpoint after every step is cheap enough. */
const cheapBytes = 64 * 2 ** 20;

/** Maximum share of a run's time spent on checkpoints of larger states, not counting those that the configuration requests. */
const largestShare = 0.05;

/**
 * Decides after which steps a checkpoint is written. Small states: after every step. Larger ones: so that writing takes at most a
 * twentieth of the time, which means after every step if a step takes at least 19 times as long as a checkpoint.
 */
export class CheckpointPace {
  readonly #cheap: boolean;
  #cost = 0;
  #endedAt = -Infinity;

  /** @param bytes of the tensors in a checkpoint */
  constructor(bytes: number) {
    this.#cheap = bytes <= cheapBytes;
  }

  /** Whether the step that has just ended gets a checkpoint. @param now in seconds */
  due(now: number): boolean {
    return this.#cheap || now - this.#endedAt >= this.#cost * (1 / largestShare - 1);
  }

  /** Records how long a checkpoint took. Times in seconds. */
  wrote(startedAt: number, endedAt: number): void {
    this.#cost = endedAt - startedAt;
    this.#endedAt = endedAt;
  }
}
