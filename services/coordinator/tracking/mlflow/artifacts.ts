/** The files that are stored with a run that has ended. */
import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { adapterFiles } from '@gapo/model';
import type { RunInput } from '@gapo/rpc';
import type { BodyInit } from 'undici';
import type { TrackedRun } from '../tracked/tracker.js';

/** A file. */
export interface Artifact {
  readonly name: string;
  /** Returns the content. Files are streamed. */
  readonly content: () => Promise<BodyInit>;
}

/** Returns the configuration, the report, and the adapter of the newest checkpoint. A fully trained model is not stored. */
export function artifactsOf(run: TrackedRun, { checkpoint = '' }: RunInput): Artifact[] {
  const adapter = Object.values(adapterFiles).map((name) => ({ name, path: join(checkpoint, name) }));
  const isWhole = checkpoint !== '' && adapter.every(({ path }) => existsSync(path));
  return [
    { name: 'run.yaml', content: async () => run.configYaml() },
    { name: 'report.html', content: () => run.report() },
    ...(isWhole ? adapter : []).map(({ name, path }) => ({
      name: `adapter/${name}`,
      content: async () => createReadStream(path),
    })),
  ];
}
