/** How far the stream has a run's log, as the log's directory remembers it: `copied.json`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically, z } from '@gapo/service';

const markSchema = z.object({
  /** The stream's name. */
  stream: z.string(),
  /** When the stream was created: one that was removed and created again has another time. */
  created: z.string(),
  /** The number of the newest event of the run that the stream acknowledged. */
  sequence: z.int().min(0),
  /** The number of that event in the stream. */
  streamSequence: z.int().min(0),
});

/** What a stream had. It may be older than the truth, since it is written now and then. */
export type CopiedMark = z.output<typeof markSchema>;

function markPath(directory: string): string {
  return join(directory, 'copied.json');
}

/** Reads the mark of a log; undefined where there is none, or none that can be read. */
export function readMark(directory: string): CopiedMark | undefined {
  try {
    return markSchema.parse(JSON.parse(readFileSync(markPath(directory), 'utf8')));
  } catch {
    // It only tells what a limit of the stream has removed from what a crash has lost.
    return undefined;
  }
}

/** @throws UserError where it cannot be written */
export async function writeMark(directory: string, mark: CopiedMark): Promise<void> {
  await writeAtomically(markPath(directory), `${JSON.stringify(mark)}\n`);
}
