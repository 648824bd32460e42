/** Samples of the memory, descriptors and disk space that a training run uses. */
import type { ProcessPlatform } from '../processes/platform.js';
import { descendantsOf, filesBelow, usageOf, type ProcessUsage } from '../processes/usage.js';

/** One sample. */
export interface Sample {
  /** Completed steps. */
  readonly step: number;
  /** By process name. */
  readonly processes: ReadonlyMap<string, ProcessUsage>;
  /** Bytes of each kind of data. */
  readonly data: ReadonlyMap<DataKind, number>;
}

/** Kinds of files, and whether each step is meant to add to them. */
export const dataKinds = {
  'steps.jsonl': { perStep: true, holds: 'a report per step' },
  'events, lasting': { perStep: true, holds: 'states, steps and checkpoints' },
  'events, recent': { perStep: false, holds: 'all events of the newest 5 MiB, shards and rewards among them' },
  'audit log': { perStep: false, holds: 'what users did' },
  checkpoints: { perStep: false, holds: 'the newest two, and milestones' },
  completions: { perStep: false, holds: 'those of `samples.keep` steps' },
  'run.json and others': { perStep: false, holds: 'state and configuration' },
  'temporary files': { perStep: false, holds: 'writes in progress' },
  'NATS streams': { perStep: false, holds: 'a copy of the newest events, up to the limit of the stream' },
} as const;

/** The name of a kind. */
export type DataKind = keyof typeof dataKinds;

const temporary = /(^|\/)\.[^/]+\.(partial|replaced)(\/|$)/;

/** Takes one sample. */
export function sampleOf(platform: ProcessPlatform, runId: string, step: number): Sample {
  const processes = new Map<string, ProcessUsage>();
  for (const [name, { pid }] of platform.services) {
    // NATS opens and closes block and index files as its streams fill up. `data` has their size.
    const usage = pid === undefined ? undefined : usageOf(pid, platform.natsStore);
    if (pid === undefined || usage === undefined) continue;
    processes.set(name, usage);
    const below = descendantsOf(pid).flatMap((child) => usageOf(child) ?? []);
    if (below.length > 0) processes.set(`${name}: processes of its own`, sumOf(below));
  }
  return { step, processes, data: dataOf(platform, runId) };
}

function sumOf(usages: readonly ProcessUsage[]): ProcessUsage {
  const total = (of: (usage: ProcessUsage) => number): number => usages.reduce((sum, usage) => sum + of(usage), 0);
  return {
    residentBytes: total(({ residentBytes }) => residentBytes),
    descriptors: total(({ descriptors }) => descriptors),
    cpuSeconds: total(({ cpuSeconds }) => cpuSeconds),
  };
}

function dataOf({ dataDirectory, natsStore }: ProcessPlatform, runId: string): ReadonlyMap<DataKind, number> {
  const data = new Map<DataKind, number>(Object.keys(dataKinds).map((kind) => [kind as DataKind, 0]));
  const add = (kind: DataKind, bytes: number): void => void data.set(kind, (data.get(kind) ?? 0) + bytes);
  for (const [path, bytes] of filesBelow(dataDirectory)) {
    const inRun = path.startsWith(`${runId}/`) ? path.slice(runId.length + 1) : '';
    if (temporary.test(path)) add('temporary files', bytes);
    else if (inRun === 'steps.jsonl') add('steps.jsonl', bytes);
    else if (inRun.startsWith('events/'))
      add(inRun.endsWith('.compacted.jsonl') ? 'events, lasting' : 'events, recent', bytes);
    else if (inRun.startsWith('audit')) add('audit log', bytes);
    else if (inRun.startsWith('checkpoints/')) add('checkpoints', bytes);
    else if (inRun.startsWith('samples/')) add('completions', bytes);
    else add('run.json and others', bytes);
  }
  for (const bytes of filesBelow(natsStore).values()) add('NATS streams', bytes);
  return data;
}
