/** The directories from which runs may read files. No caller can make the coordinator read any others. */
import { dirname, parse, resolve, sep } from 'node:path';
import { type ConfigPaths, entriesOf, pathsOf, realPath } from '@gapo/run-data';
import { RefusedError } from '../state/refusedError.js';

/**
 * Returns the default allowed directories: the working directory and the parent of the data directory. Omits a file system's
 * root, which a service manager may have made the working directory.
 *
 * @param dataDirectory the directory of the runs
 */
export function defaultProjectDirectories(dataDirectory: string): readonly string[] {
  return [process.cwd(), dirname(resolve(dataDirectory))].filter((path) => path !== parse(path).root);
}

/** Linux opens no path longer than this. */
const longestPath = 4096;
/** Maximum characters of a path in a message. */
const shownLength = 200;

/** Allows paths within certain directories, after resolving symbolic links. */
export class ProjectDirectories {
  readonly #allowed: readonly string[];

  /** @param allowed directories, which need not exist yet */
  constructor(allowed: readonly string[]) {
    this.#allowed = [...new Set(allowed.map((path) => resolve(path)))];
  }

  /**
   * Checks every path of a configuration before anything is read. The error does not reveal whether a file outside exists.
   *
   * @param baseDirectory base directory for relative paths
   * @throws RefusedError naming the key whose path leads outside
   */
  assertInside(config: ConfigPaths, baseDirectory: string): void {
    for (const { key, path, isDirectory } of pathsOf(config)) {
      const target = resolve(baseDirectory, path);
      if (this.#includesAll(target, isDirectory)) continue;
      throw new RefusedError(
        'path',
        `${key}: ${JSON.stringify(path.slice(0, shownLength))} is not in a directory that this coordinator reads from (PROJECT_DIRS: ` +
          `${this.#allowed.join(', ') || 'none'}); move it there, or start the coordinator with its directory in PROJECT_DIRS`,
      );
    }
  }

  #includesAll(target: string, isDirectory: boolean): boolean {
    if (target.length > longestPath || target.includes('\0') || !this.#includes(target)) return false;
    return !isDirectory || entriesOf(target).every((entry) => this.#includes(entry));
  }

  #includes(path: string): boolean {
    // The path is checked as written first, so that nothing outside is examined except through links inside.
    const within = (target: string, roots: readonly string[]): boolean =>
      roots.some((root) => target === root || target.startsWith(root.endsWith(sep) ? root : `${root}${sep}`));
    const roots = this.#allowed.map(realPath);
    return within(path, [...this.#allowed, ...roots]) && within(realPath(path), roots);
  }
}
