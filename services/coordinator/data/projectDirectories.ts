/** The directories that the files of runs are read from. Whoever can call the coordinator reads no others through it. */
import { readdirSync, realpathSync } from 'node:fs';
import { dirname, join, parse, resolve, sep } from 'node:path';
import type { RunConfig } from '@gapo/config';
import { RefusedError } from '../state/refusedError.js';
import { dataKeys } from './runData.js';

/** The parts of a configuration that name files. */
export type ConfigPaths = Pick<RunConfig, 'data'> & {
  readonly policy: Pick<RunConfig['policy'], 'model' | 'adapter'>;
};

/** A path of a configuration, with the key that names it. */
interface NamedPath {
  readonly key: string;
  readonly path: string;
  /** Whether it is a directory whose files are read too. */
  readonly isDirectory: boolean;
}

/** Returns every path of a configuration, as written. */
function pathsOf({ policy, data }: ConfigPaths): readonly NamedPath[] {
  const directories = [
    { key: 'policy.model', path: policy.model, isDirectory: true },
    { key: 'policy.adapter', path: policy.adapter, isDirectory: true },
  ];
  const files = dataKeys.map((key) => ({ key: `data.${key}`, path: data[key], isDirectory: false }));
  return [...directories, ...files].flatMap(({ path, ...rest }) => (path === undefined ? [] : [{ path, ...rest }]));
}

/**
 * Returns the directories that a configuration needs: its base, those of its files, and those that links in them lead to, as in the cache of
 * the Hugging Face Hub. For a person who starts a coordinator for a configuration of their own.
 */
export function directoriesOf(config: ConfigPaths, baseDirectory: string): readonly string[] {
  const needed = pathsOf(config).flatMap(({ path, isDirectory }) => {
    const target = resolve(baseDirectory, path);
    return isDirectory
      ? [target, ...entriesOf(target).map((entry) => dirname(realPath(entry)))]
      : dirname(realPath(target));
  });
  return [...new Set([baseDirectory, ...needed])];
}

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

/** Returns where a path leads. Of one that does not exist, where its nearest ancestor leads, and the rest. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), path.slice(parent.length));
  }
}

/** Returns the paths of the entries of a directory, any of which may be a link; none where it cannot be listed. */
function entriesOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch {
    return [];
  }
}
