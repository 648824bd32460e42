/** DATA/launches.jsonl: records the configuration of each run, so that the same command finds an unfinished run. */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { appendSync, contentIfPresent, z } from '@gapo/service';
import type { ConfigFile } from '../configFile.js';

const launchSchema = z.object({ run: z.string(), config: z.string(), sha256: z.string() });

/** One start of a run. */
type Launch = z.infer<typeof launchSchema>;

const launchesIn = (dataDirectory: string): string => join(dataDirectory, 'launches.jsonl');

/**
 * Records that a run was started from a configuration.
 *
 * @throws UserError if the file cannot be read or written
 */
export function recordLaunch(dataDirectory: string, run: string, { path, sha256 }: ConfigFile): void {
  mkdirSync(dataDirectory, { recursive: true });
  const launch: Launch = { run, config: path, sha256 };
  const file = launchesIn(dataDirectory);
  // A line left incomplete by a crash must not become the start of this one.
  const end = /[^\n]$/.test(textOf(file)) ? '\n' : '';
  appendSync(file, `${end}${JSON.stringify(launch)}\n`);
}

/**
 * Returns the ids of the runs that were started from the same content in the same directory.
 *
 * @throws UserError if the file cannot be read
 */
export function launchesOf(dataDirectory: string, { sha256, baseDirectory }: ConfigFile): Set<string> {
  const launches = textOf(launchesIn(dataDirectory)).split('\n').flatMap(parseLaunch);
  const same = launches.filter((launch) => launch.sha256 === sha256 && dirname(launch.config) === baseDirectory);
  return new Set(same.map(({ run }) => run));
}

const textOf = (path: string): string => contentIfPresent(path).toString('utf8');

/** Parses a line. Skips one left incomplete by a crash. */
function parseLaunch(line: string): Launch[] {
  try {
    const parsed = launchSchema.safeParse(JSON.parse(line));
    return parsed.success ? [parsed.data] : [];
  } catch {
    return [];
  }
}
