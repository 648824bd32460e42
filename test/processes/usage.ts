/** Resource usage of processes and directories on Linux. */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The resources that a process uses. */
export interface ProcessUsage {
  /** Resident memory in bytes. */
  readonly residentBytes: number;
  /** Open file descriptors. */
  readonly descriptors: number;
  /** CPU time since the process started, in seconds. */
  readonly cpuSeconds: number;
}

const kibibyte = 1024;
/** The unit of CPU times in /proc, the same on every Linux that Node.js supports. */
const ticksPerSecond = 100;
/** The fields of /proc/PID/stat that follow the name: the state is the third field, user and system time the 14th and 15th. */
const [userTimeField, systemTimeField] = [14 - 3, 15 - 3];

/**
 * Reads the resource usage of a process; undefined if it has exited.
 *
 * @param uncounted a directory whose open files do not count as descriptors. @default none
 * @throws Error outside of Linux
 */
export function usageOf(pid: number, uncounted?: string): ProcessUsage | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {
      residentBytes: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? NaN) * kibibyte,
      descriptors: openFiles(pid).filter((path) => uncounted === undefined || !path.startsWith(`${uncounted}/`)).length,
      cpuSeconds: (Number(fields[userTimeField]) + Number(fields[systemTimeField])) / ticksPerSecond,
    };
  } catch (error) {
    if (hasGone(error)) return undefined;
    throw error;
  }
}

/** Returns the target of each of a process's descriptors: a path, or a name such as `socket:[1]`. */
function openFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((descriptor) => {
    try {
      return [readlinkSync(join(folder, descriptor))];
    } catch (error) {
      if (hasGone(error)) return []; // closed meanwhile
      throw error;
    }
  });
}

/**
 * Returns the ids of a process's descendants.
 *
 * @throws Error outside of Linux
 */
export function descendantsOf(pid: number): number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const children = threads.flatMap((thread) => words(readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8')));
    return children.map(Number).flatMap((child) => [child, ...descendantsOf(child)]);
  } catch (error) {
    if (hasGone(error)) return [];
    throw error;
  }
}

/**
 * Returns the sizes of the files below a directory in bytes, by path relative to it.
 *
 * @throws Error if it cannot be read
 */
export function filesBelow(directory: string): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    try {
      sizes.set(path.slice(directory.length + 1), statSync(path).size);
    } catch (error) {
      if (!hasGone(error)) throw error;
    }
  }
  return sizes;
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

function hasGone(error: unknown): boolean {
  return ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '');
}
