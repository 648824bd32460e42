/** Write errors that name the caller's path and say what to do. */
import { isExpected, UserError } from '../userError.js';

/** Runs a write; a system error becomes one that names `path`. @throws as {@link cannotWrite} */
export async function named(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    throw cannotWrite(path, error);
  }
}

/** Turns a system error into one that names the caller's path; returns any other error unchanged. */
export function cannotWrite(path: string, error: unknown): unknown {
  if (isExpected(error) || !(error instanceof Error) || !('syscall' in error)) return error;
  const advice = adviceFor(error as NodeJS.ErrnoException);
  return new UserError(`${path}: cannot be written: ${error.message}${advice && `; ${advice}`}`, { cause: error });
}

/** Returns what to do about a file system error; empty if the error's message says it. */
function adviceFor({ code }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'ENOSPC':
      return 'its disk is full: make room, then try again';
    case 'EDQUOT':
      return 'the quota of its disk is used up: make room, then try again';
    case 'EROFS':
      return 'its disk is mounted read-only: mount it read-write, or choose another directory';
    case 'EACCES':
    case 'EPERM':
      return `this process (user ${process.getuid?.() ?? 'unknown'}) may not write there: change the owner or the mode`;
    case 'EIO':
      return 'its disk failed: check the disk before you trust its files';
    default:
      return '';
  }
}
