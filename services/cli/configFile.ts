/** A run configuration file: its text, what it says, and where its relative paths start. */
import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { parseRunConfig, type RunConfig } from '@gapo/config';
import { configSha256, parseYaml, UserError, z } from '@gapo/service';

/** A valid run configuration. */
export interface ConfigFile {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
  /** The configuration with every default. */
  readonly config: RunConfig;
  /** The keys that the file has, as written. */
  readonly written: Readonly<Record<string, unknown>>;
  /** The directory that relative paths start from. */
  readonly baseDirectory: string;
  /** SHA-256 of what is written, regardless of comments and the order of keys. */
  readonly sha256: string;
}

/** What the file says before it is validated. */
const keys = z.record(z.string(), z.unknown());

/**
 * Reads and validates a run configuration. The names of reward services are not checked: only the coordinator knows them.
 *
 * @param path absolute
 * @throws UserError where the file cannot be read, ConfigError with everything that is wrong in it
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
 * The configuration that a text holds.
 *
 * @param path absolute; relative paths in the text start at its directory
 * @throws ConfigError with everything that is wrong in it
 */
export function configFile(path: string, text: string): ConfigFile {
  const source = basename(path);
  const config = parseRunConfig(text, source, undefined);
  const written = parseYaml(keys, text, { source });
  return { path, text, config, written, baseDirectory: dirname(path), sha256: configSha256(written) };
}
