/** The directories that the files of runs are read from. Whoever can call the coordinator reads no others through it. */
import { dirname, parse, resolve, sep } from 'node:path';
import { type ConfigPaths, entriesOf, pathsOf, realPath } from '@gapo/run-data';
import { RefusedError } from '../state/refusedError.js';

/**
 * Returns the directories that are allowed where none are named: the working directory, and the one that holds the runs. A file system's
 * root is neither, which a service manager may make the working directory.
 *
 * @param dataDirectory the directory of the runs
 */
export function defaultProjectDirectories(dataDirectory: string): readonly string[] {
  return [process.cwd(), dirname(resolve(dataDirectory))].filter((path) => path !== parse(path).root);
}

/** Linux opens no longer path. */
const longestPath = 4096;
/** The most characters of a path in a message. */
const shownLength = 200;

/** Allows paths within some directories, wherever symbolic links lead. */
export class ProjectDirectories {
  readonly #allowed: readonly string[];

  /** @param allowed directories, which may come into being later */
  constructor(allowed: readonly string[]) {
    this.#allowed = [...new Set(allowed.map((path) => resolve(path)))];
  }

  /**
   * Checks every path of a configuration before anything is read. Of a file outside not even its existence is told.
   *
   * @param baseDirectory base of relative paths
   * @throws RefusedError that names the key whose path leads outside
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
    // As written first: what lies outside is not looked at, except through links that lie inside.
    const within = (target: string, roots: readonly string[]): boolean =>
      roots.some((root) => target === root || target.startsWith(root.endsWith(sep) ? root : `${root}${sep}`));
    const roots = this.#allowed.map(realPath);
    return within(path, [...this.#allowed, ...roots]) && within(realPath(path), roots);
  }
}
