/** How far trackers have a run: trackers.json in its directory. It spares a question to the tracker; what a tracker has, it knows itself. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically, z } from '@gapo/service';
import type { TrackedRun } from './tracked/tracker.js';

const fileName = 'trackers.json';

/** The number of the last event that a tracker has, by its place. */
const positionsSchema = z.record(z.string(), z.int().min(0));

/** Returns the number of the last event that a tracker has of a run; 0 if that is not known. */
export function positionOf({ directory }: TrackedRun, place: string): number {
  return read(directory)[place] ?? 0;
}

/**
 * Writes the number of the last event that a tracker has.
 *
 * @throws UserError if the file cannot be written
 */
export async function savePosition(run: TrackedRun, place: string, position: number): Promise<void> {
  run.assertWritable();
  const positions = { ...read(run.directory), [place]: position };
  await writeAtomically(join(run.directory, fileName), `${JSON.stringify(positions, null, 2)}\n`);
}

/** A file that is missing or damaged says nothing: trackers are then asked. */
function read(directory: string): Readonly<Record<string, number>> {
  try {
    return positionsSchema.parse(JSON.parse(readFileSync(join(directory, fileName), 'utf8')));
  } catch {
    return {};
  }
}
