/** How much of a run's log the stream has, as recorded in the log's directory: `copied.json`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically, z } from '@gapo/service';

const markSchema = z.object({
  /** The stream's name. */
  stream: z.string(),
  /**
   * When the stream was created. A stream that was deleted and created again has a different time.
   */
  created: z.string(),
  /** The number of the run's newest event acknowledged by the stream. */
  sequence: z.int().min(0),
  /** The number of that event in the stream. */
  streamSequence: z.int().min(0),
});

/** What a stream had. It may be out of date, because it is written only from time to time. */
export type CopiedMark = z.output<typeof markSchema>;

function markPath(directory: string): string {
  return join(directory, 'copied.json');
}

/** Reads the mark of a log; undefined if it is missing or unreadable. */
export function readMark(directory: string): CopiedMark | undefined {
  try {
    return markSchema.parse(JSON.parse(readFileSync(markPath(directory), 'utf8')));
  } catch {
    // It only serves to distinguish events removed by a stream limit from those lost in a crash.
    return undefined;
  }
}

/** @throws UserError if it cannot be written */
export async function writeMark(directory: string, mark: CopiedMark): Promise<void> {
  await writeAtomically(markPath(directory), `${JSON.stringify(mark)}\n`);
}
