/** DATA/launches.jsonl: which configuration each run was started from, so that a second start finds the unfinished one. */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { configSha256, parseYaml, word, z, UserError } from '@gapo/service';

const launchSchema = z.object({ run: z.string(), name: z.string(), config: z.string(), sha256: z.string() });

/** One start of a run. */
export type Launch = z.infer<typeof launchSchema>;

/** A run configuration as far as this command looks at it; the coordinator validates it whole. */
export interface ConfigFile {
  /** Absolute. */
  path: string;
  text: string;
  /** The run's name. */
  name: string;
  /** Where its relative paths start. */
  baseDirectory: string;
  /** Of what the file says, whatever its comments and the order of its keys. */
  sha256: string;
}

const anyConfig = z.looseObject({ name: word });

/**
 * Reads a run configuration.
 *
 * @param path absolute
 * @throws UserError or ConfigError where it cannot be read or is no YAML with a name
 */
export function readConfigFile(path: string): ConfigFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why =
      code === 'ENOENT'
        ? 'does not exist'
        : code === 'EISDIR'
          ? 'is a directory'
          : `cannot be read (${code ?? String(error)})`;
    throw new UserError(`the run configuration ${path} ${why}; give the path of a run.yaml`, { cause: error });
  }
  const value = parseYaml(anyConfig, text, { source: basename(path) });
  return { path, text, name: value.name, baseDirectory: dirname(path), sha256: configSha256(value) };
}

const fileOf = (dataDirectory: string): string => join(dataDirectory, 'launches.jsonl');

/** Remembers that a run was started from a configuration. */
export function recordLaunch(dataDirectory: string, run: string, config: ConfigFile): void {
  mkdirSync(dataDirectory, { recursive: true });
  const launch: Launch = { run, name: config.name, config: config.path, sha256: config.sha256 };
  appendFileSync(fileOf(dataDirectory), `${JSON.stringify(launch)}\n`);
}

/** The runs that were started from this very configuration, by its content and the directory that its paths start from. */
export function launchesOf(dataDirectory: string, config: ConfigFile): Set<string> {
  const path = fileOf(dataDirectory);
  if (!existsSync(path)) return new Set();
  const launches = readFileSync(path, 'utf8').split('\n').flatMap(parseLaunch);
  return new Set(
    launches
      .filter(
        (launch) =>
          launch.name === config.name &&
          launch.sha256 === config.sha256 &&
          dirname(launch.config) === config.baseDirectory,
      )
      .map(({ run }) => run),
  );
}

/** A broken line (a crash while it was written) is passed over. */
function parseLaunch(line: string): Launch[] {
  try {
    const parsed = launchSchema.safeParse(JSON.parse(line));
    return parsed.success ? [parsed.data] : [];
  } catch {
    return [];
  }
}
