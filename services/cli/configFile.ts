/** A run configuration file: its text, its parsed content, and the base of its relative paths. */
import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { parseRunConfig, type RunConfig } from '@gapo/config';
import { configSha256, parseYaml, UserError, z } from '@gapo/service';

/** A valid run configuration. */
export interface ConfigFile {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
  /** The configuration with defaults applied. */
  readonly config: RunConfig;
  /** The keys in the file, as written. */
  readonly written: Readonly<Record<string, unknown>>;
  /** The directory against which relative paths are resolved. */
  readonly baseDirectory: string;
  /** SHA-256 of the content, independent of comments and the order of keys. */
  readonly sha256: string;
}

/** The parsed file before validation. */
const keys = z.record(z.string(), z.unknown());

/**
 * Reads and validates a run configuration. Names of reward services are not checked: only the coordinator knows them.
 *
 * @param path absolute
 * @throws UserError if the file cannot be read, ConfigError with every error in it
 */
export function readConfigFile(path: string): ConfigFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reasons: Partial<Record<string, string>> = { ENOENT: 'does not exist', EISDIR: 'is a directory' };
    const why = reasons[code ?? ''] ?? `cannot be read (${code ?? String(error)})`;
    throw new UserError(`the run configuration ${path} ${why}; give the path of a run.yaml`, { cause: error });
  }
  return configFile(path, text);
}

/**
 * Parses and validates the text of a run configuration.
 *
 * @param path absolute; relative paths in the text start at its directory
 * @throws ConfigError with every error in it
 */
export function configFile(path: string, text: string): ConfigFile {
  const source = basename(path);
  const config = parseRunConfig(text, source, undefined);
  const written = parseYaml(keys, text, { source });
  return { path, text, config, written, baseDirectory: dirname(path), sha256: configSha256(written) };
}
