/** How far each tracker has recorded a run: trackers.json in its directory. This only saves asking the tracker, which is authoritative. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically, z } from '@gapo/service';
import type { TrackedRun } from './tracked/tracker.js';

const fileName = 'trackers.json';

/** By tracker location, the number of the last event that the tracker has. */
const positionsSchema = z.record(z.string(), z.int().min(0));

/** Returns the number of a run's last event that a tracker has; 0 if unknown. */
export function positionOf({ directory }: TrackedRun, place: string): number {
  return read(directory)[place] ?? 0;
}

/**
 * Saves the number of the last event that a tracker has.
 *
 * @throws UserError if the file cannot be written
 */
export async function savePosition(run: TrackedRun, place: string, position: number): Promise<void> {
  run.assertWritable();
  const positions = { ...read(run.directory), [place]: position };
  await writeAtomically(join(run.directory, fileName), `${JSON.stringify(positions, null, 2)}\n`);
}

/** A missing or damaged file counts as empty: the trackers are then asked. */
function read(directory: string): Readonly<Record<string, number>> {
  try {
    return positionsSchema.parse(JSON.parse(readFileSync(join(directory, fileName), 'utf8')));
  } catch {
    return {};
  }
}
