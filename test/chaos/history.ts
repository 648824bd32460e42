/** What a run left behind, in a form suitable for comparing two runs. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from '@gapo/service';

/** An event as stored in the log and in the stream. */
const eventSchema = z.looseObject({
  id: z.string(),
  type: z.string(),
  sequence: z.string(),
  data: z.record(z.string(), z.unknown()),
});

/** An event. */
export type LoggedEvent = z.output<typeof eventSchema>;

const runSchema = z.looseObject({ resumptions: z.number() });

/** The parts of two runs that are compared. */
export const historySchema = z.object({
  /** The outcome of each step in steps.jsonl, in order, without times. */
  steps: z.array(z.string()),
  /** SHA-256 of the version after each step, from checkpoint events. */
  versions: z.array(z.string()),
  /** SHA-256 of the last checkpoint's adapter. */
  adapterSha256: z.string(),
});

/** The history of a run. */
export type History = z.output<typeof historySchema>;

/** Fields of a report that differ between two executions of the same step. */
const circumstances = ['seconds', 'phases', 'etaSeconds', 'traceId', 'latencyMs'];

/** Returns the outcome of a step, without its times. */
export function outcomeOf(report: object): string {
  return JSON.stringify(report, (key, value: unknown) => (circumstances.includes(key) ? undefined : value));
}

/** Reads the history of a run that has ended. @param directory of the run */
export function readHistory(directory: string): History {
  const versions = eventsOf(directory).filter(({ type }) => type === 'gapo.v1.checkpoint');
  const last = readdirSync(join(directory, 'checkpoints')).sort().at(-1) ?? '';
  const adapter = readFileSync(join(directory, 'checkpoints', last, 'adapter_model.safetensors'));
  return {
    steps: lines(join(directory, 'steps.jsonl')).map((line) => outcomeOf(JSON.parse(line) as object)),
    versions: versions.map(({ data }) => `${String(data['step'])} ${String(data['sha256'])}`),
    adapterSha256: createHash('sha256').update(adapter).digest('hex'),
  };
}

/** Reads the run's own log of events. */
export function eventsOf(directory: string): LoggedEvent[] {
  const folder = join(directory, 'events');
  const files = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
  return files.sort().flatMap((name) => lines(join(folder, name)).map((line) => eventSchema.parse(JSON.parse(line))));
}

/** Returns how often the run was resumed. */
export function resumptionsOf(directory: string): number {
  return runSchema.parse(JSON.parse(readFileSync(join(directory, 'run.json'), 'utf8'))).resumptions;
}

/**
 * Returns the steps for which shards were sampled, by the number of preceding resumptions, that is, the steps
 * begun between two interruptions.
 */
export function begunSteps(events: readonly LoggedEvent[]): ReadonlyMap<number, readonly number[]> {
  const begun = new Map<number, Set<number>>();
  for (const { id, type, data } of events) {
    if (type !== 'gapo.v1.rollout') continue;
    const resumptions = Number(id.split('.').at(-1));
    begun.set(resumptions, (begun.get(resumptions) ?? new Set()).add(Number(data['step'])));
  }
  return new Map([...begun].sort(([a], [b]) => a - b).map(([key, steps]) => [key, [...steps].sort((a, b) => a - b)]));
}

function lines(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n').filter((line) => line !== ''); // prettier-ignore
}
