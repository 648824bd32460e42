/** DATA/launches.jsonl: records the configuration of each run, so that the same command finds an unfinished run. */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from '@gapo/service';
import type { ConfigFile } from '../configFile.js';

const launchSchema = z.object({ run: z.string(), config: z.string(), sha256: z.string() });

/** One start of a run. */
type Launch = z.infer<typeof launchSchema>;

const launchesIn = (dataDirectory: string): string => join(dataDirectory, 'launches.jsonl');

/** Records that a run was started from a configuration. */
export function recordLaunch(dataDirectory: string, run: string, { path, sha256 }: ConfigFile): void {
  mkdirSync(dataDirectory, { recursive: true });
  const launch: Launch = { run, config: path, sha256 };
  appendFileSync(launchesIn(dataDirectory), `${JSON.stringify(launch)}\n`);
}

/** Returns the ids of the runs that were started from the same content in the same directory. */
export function launchesOf(dataDirectory: string, { sha256, baseDirectory }: ConfigFile): Set<string> {
  const path = launchesIn(dataDirectory);
  if (!existsSync(path)) return new Set();
  const launches = readFileSync(path, 'utf8').split('\n').flatMap(parseLaunch);
  const same = launches.filter((launch) => launch.sha256 === sha256 && dirname(launch.config) === baseDirectory);
  return new Set(same.map(({ run }) => run));
}

/** Parses a line. One that a crash left incomplete is skipped. */
function parseLaunch(line: string): Launch[] {
  try {
    const parsed = launchSchema.safeParse(JSON.parse(line));
    return parsed.success ? [parsed.data] : [];
  } catch {
    return [];
  }
}
