/** Faults of the disk that a run is written to. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '@gapo/service';
import type { Fault } from '../state/interruption.js';

/** Errors of the file system that end without a change of the run: room is made, a quota raised, a disk repaired. */
const codes: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO']);

/** Bytes that a check writes. */
const checkBytes = 65_536;

/**
 * Returns the fault of the disk that an error comes from; undefined if it comes from anything else.
 *
 * @param directory of the run, in which the fault's check writes a file
 */
export function diskFaultOf(error: unknown, directory: string): Fault | undefined {
  if (!isDiskError(error)) return undefined;
  return {
    waitingFor: `the disk of ${directory}`,
    check: async () => {
      const path = join(directory, '.room');
      try {
        await writeAtomically(path, new Uint8Array(checkBytes));
      } catch (failure) {
        throw isDiskError(failure) ? new Error(systemMessage(failure)) : failure;
      } finally {
        await rm(path, { force: true });
      }
    },
  };
}

function isDiskError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return codes.has((error as NodeJS.ErrnoException).code) || isDiskError(error.cause);
}

/** Returns the message of the system's error, without the path that the caller's message has. */
function systemMessage(error: unknown): string {
  const { cause } = error as Error;
  return cause instanceof Error ? systemMessage(cause) : (error as Error).message;
}
