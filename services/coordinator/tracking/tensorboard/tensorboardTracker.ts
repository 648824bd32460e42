/**
 * Records runs as TensorBoard's event files: DIRECTORY/RUN/events.out.tfevents.TIME.gapo, one file per run.
 */
import { join } from 'node:path';
import type { CloudEvent, LoggedEvent } from '@gapo/events';
import { stateWord } from '@gapo/rpc';
import type { Logger } from '@gapo/service';
import { attemptName, pointsOf, stepKey } from '../tracked/points.js';
import type { TrackedRun, Tracker, TrackerSession } from '../tracked/tracker.js';
import { appendEvents, openEventFile } from './eventFile.js';
import type { EventValue, TensorboardEvent } from './eventMessage.js';

/** A directory for `tensorboard --logdir`. */
export class TensorboardTracker implements Tracker {
  readonly place: string;
  readonly #directory: string;
  readonly #log: Logger;

  constructor(directory: string, log: Logger) {
    this.#directory = directory;
    this.#log = log;
    this.place = `TensorBoard ${directory}`;
  }

  async open(run: TrackedRun): Promise<TrackerSession> {
    const createdAt = run.created.getTime() / 1000;
    const path = join(this.#directory, run.id, `events.out.tfevents.${Math.floor(createdAt)}.gapo`);
    const { events, removedBytes } = await openEventFile(path, createdAt);
    if (removedBytes > 0) {
      const what = `${path}: ${removedBytes} bytes at its end were not a whole record and were removed`;
      this.#log.warn({ run: run.id }, `${what}: a process ended while it wrote, or the disk is damaged; what was lost is written again`); // prettier-ignore
    }
    const session = new TensorboardSession(path, events);
    if (!session.hasConfiguration) {
      const text = `    ${run.configYaml().trimEnd().replaceAll('\n', '\n    ')}`; // a Markdown code block
      await appendEvents(path, [{ wallTime: createdAt, step: 0, values: [{ tag: configurationTag, text }] }]);
    }
    return session;
  }

  async close(): Promise<void> {
    // Files are open only while being written.
  }
}

const configurationTag = 'gapo.configuration';

/** The file of one run. */
class TensorboardSession implements TrackerSession {
  readonly hasConfiguration: boolean;
  readonly #path: string;
  /** What the file contains: steps by key, texts by tag and time. */
  readonly #known = new Set<string>();
  #lastStep = 0;

  constructor(path: string, events: readonly TensorboardEvent[]) {
    this.#path = path;
    for (const { wallTime, step, values = [] } of events) {
      const attempt = values.find(({ tag }) => tag === attemptName);
      if (attempt !== undefined && 'scalar' in attempt) {
        this.#known.add(stepKey({ step, attempt: attempt.scalar }));
        this.#lastStep = step;
      }
      for (const value of values) if ('text' in value) this.#known.add(textKey(value.tag, wallTime));
    }
    this.hasConfiguration = events.some(({ values = [] }) => values.some(({ tag }) => tag === configurationTag));
  }

  async write(events: readonly LoggedEvent[]): Promise<void> {
    const lines = events.flatMap(({ event }) => this.#linesOf(event));
    if (lines.length > 0) await appendEvents(this.#path, lines);
  }

  #linesOf(event: CloudEvent): TensorboardEvent[] {
    const points = pointsOf(event);
    if (points === undefined) return this.#textOf(event);
    if (this.#known.has(stepKey(points))) return [];
    this.#known.add(stepKey(points));
    const { step, time } = points;
    const wallTime = time / 1000;
    // A step repeated from an older checkpoint: the steps after it will be repeated too.
    const restart = step <= this.#lastStep ? [{ wallTime, step, restarts: true }] : [];
    this.#lastStep = step;
    const values = points.points.map(({ name, value }): EventValue => ({ tag: name, scalar: value }));
    return [...restart, { wallTime, step, values }];
  }

  #textOf(event: CloudEvent): TensorboardEvent[] {
    const text = describe(event);
    if (text === undefined) return [];
    const wallTime = Date.parse(event.time) / 1000;
    const tag = `gapo.${event.type.slice('gapo.v1.'.length)}`;
    if (this.#known.has(textKey(tag, wallTime))) return [];
    this.#known.add(textKey(tag, wallTime));
    return [{ wallTime, step: this.#lastStep, values: [{ tag, text }] }];
  }
}

function textKey(tag: string, wallTime: number): string {
  return `${tag} ${wallTime}`;
}

/**
 * Describes an event in a sentence; undefined for events that are shown as points or are not worth a
 * sentence.
 */
function describe(event: CloudEvent): string | undefined {
  if (event.type === 'gapo.v1.state') {
    const { from, to, reason } = event.data;
    return `${stateWord(from)} to ${stateWord(to)}${reason === '' ? '' : `: ${reason}`}`;
  }
  if (event.type === 'gapo.v1.preference') {
    const { step, author, after } = event.data;
    return `from step ${step}: ${weightsText(after)} (${author})`;
  }
  if (event.type === 'gapo.v1.objective') {
    const { step, author, objectives, preference } = event.data;
    return `from step ${step}: ${objectives.join(', ')}; ${weightsText(preference)} (${author})`;
  }
  return undefined;
}

function weightsText(weights: Readonly<Record<string, number | null>>): string {
  return Object.entries(weights).map(([name, weight]) => `${name} ${weight}`).join(', ') || 'no preference'; // prettier-ignore
}
