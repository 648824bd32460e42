/** Faults of the disk that a run is written to. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '@gapo/service';
import type { Fault } from '../state/interruption.js';

/**
 * File system errors that can pass without any change to the run: space is freed, a quota raised, a disk repaired.
 */
const codes: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO']);

/** Bytes that a check writes. */
const checkBytes = 65_536;

/**
 * Returns the disk fault behind an error; undefined if the error has another cause.
 *
 * @param directory of the run; the fault's check writes a file there
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

/** Returns the system's error message without the path, which the caller's message already has. */
function systemMessage(error: unknown): string {
  const { cause } = error as Error;
  return cause instanceof Error ? systemMessage(cause) : (error as Error).message;
}
