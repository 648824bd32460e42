/** The paths of a run configuration, and the directories that they lead to. */
import { readdirSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { RunConfig } from '@gapo/config';
import { dataKeys } from './runData.js';

/** The parts of a configuration that name files. */
export type ConfigPaths = Pick<RunConfig, 'data'> & {
  readonly policy: Pick<RunConfig['policy'], 'model' | 'adapter'>;
};

/** A path of a configuration, with the key that names it. */
export interface NamedPath {
  readonly key: string;
  readonly path: string;
  /** Whether it is a directory whose files are read too. */
  readonly isDirectory: boolean;
}

/** Returns every path of a configuration, as written. */
export function pathsOf({ policy, data }: ConfigPaths): readonly NamedPath[] {
  const directories = [
    { key: 'policy.model', path: policy.model, isDirectory: true },
    { key: 'policy.adapter', path: policy.adapter, isDirectory: true },
  ];
  const files = dataKeys.map((key) => ({ key: `data.${key}`, path: data[key], isDirectory: false }));
  return [...directories, ...files].flatMap(({ path, ...rest }) => (path === undefined ? [] : [{ path, ...rest }]));
}

/**
 * Returns the directories that a configuration needs: its base, those of its files, and those that links in them lead to, as in the
 * cache of the Hugging Face Hub. The command line starts a coordinator with them for a single run.
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

/** Resolves the links of a path. If it does not exist, resolves those of its nearest ancestor that does. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), path.slice(parent.length));
  }
}

/** Returns the paths of the entries of a directory, any of which may be a link; none where it cannot be listed. */
export function entriesOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch {
    return [];
  }
}
