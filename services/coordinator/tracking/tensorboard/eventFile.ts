/** A TensorBoard event file, appended to by one process after another. */
import { mkdir, open, readFile, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '@gapo/rpc';
import { TrackerError } from '../tracked/tracker.js';
import { decodeTensorboardEvent, encodeTensorboardEvent, type TensorboardEvent } from './eventMessage.js';
import { readRecords, recordOf } from './records.js';

/** The version at the start of a file. */
const fileVersion = 'brain.Event:2';

/** An open file. */
export interface EventFile {
  /** The events that were in the file when it was opened. */
  readonly events: readonly TensorboardEvent[];
  /** Number of bytes of an incomplete record that were removed from the end of the file. */
  readonly removedBytes: number;
}

/**
 * Opens a file, creating it if it is missing. Removes an incomplete record that a killed process left at its end.
 *
 * @param createdAt seconds since 1970, for a new file
 * @throws TrackerError if it cannot be read or written
 */
export async function openEventFile(path: string, createdAt: number): Promise<EventFile> {
  return named(path, async () => {
    await mkdir(dirname(path), { recursive: true });
    const content = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return Buffer.alloc(0);
      throw error;
    });
    const { records, bytes } = readRecords(content);
    const removedBytes = content.length - bytes;
    if (removedBytes > 0) await truncate(path, bytes);
    const events = records.map(decodeTensorboardEvent);
    if (events.length === 0) await append(path, [{ wallTime: createdAt, step: 0, fileVersion }]);
    return { events, removedBytes };
  });
}

/**
 * Appends events.
 *
 * @throws TrackerError if they cannot be written; some may be in the file
 */
export function appendEvents(path: string, events: readonly TensorboardEvent[]): Promise<void> {
  return named(path, () => append(path, events));
}

async function append(path: string, events: readonly TensorboardEvent[]): Promise<void> {
  const bytes = Buffer.concat(events.map((event) => recordOf(encodeTensorboardEvent(event))));
  const file = await open(path, 'a');
  try {
    await file.writeFile(bytes);
  } finally {
    await file.close();
  }
}

async function named<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new TrackerError(`${path}: ${messageOf(error)}`, { cause: error });
  }
}
