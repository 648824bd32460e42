/** A run's events. Publishing the same thing again gives the same id. */
import type { CloudEvent, EventInput, Outbox } from '@gapo/events';
import {
  toJson,
  type CheckpointEvent,
  type RewardEvent,
  type ShardEvent,
  type StateEvent,
  type StepReport,
} from '@gapo/rpc';
import { canonicalJson } from '@gapo/service';
import type { GoalChange } from '../state/goals.js';
import { newOf } from '../state/objectiveChanges.js';
import type { Platform } from './platform.js';
import type { RunDirectory } from './runDirectory.js';

/** Kinds of events that stay in the log as long as the run exists. */
type LastingKind = 'state' | 'step' | 'checkpoint' | 'preference' | 'objective';

/**
 * Publishes a run's events. The id of a state or goal change contains its number; that of a step or checkpoint, the step
 * number. Events within a step also contain the number of resumptions, because a step repeated after a resumption consists
 * of new parts. If a step is repeated from an older checkpoint after its event was published, it is published again only if
 * its result differs; its id then contains the number of resumptions too.
 */
export class RunEvents {
  readonly #outbox: Outbox;
  #resumptions: number;
  /** Called once a lasting event is in the log. */
  onLasting: () => void = () => undefined;

  constructor(outbox: Outbox, resumptions: number) {
    this.#outbox = outbox;
    this.#resumptions = resumptions;
  }

  /** The log of events, as trackers read it. */
  get log(): Pick<Outbox, 'last' | 'read'> {
    return this.#outbox;
  }

  /** Sets the number of resumptions. */
  resumed(resumptions: number): void {
    this.#resumptions = resumptions;
  }

  /** Returns the newest event of a kind; undefined before the first. */
  newest<K extends LastingKind>(kind: K): Extract<CloudEvent, { type: `gapo.v1.${K}` }> | undefined {
    return this.#outbox.newest(kind);
  }

  /** @param change counts the run's changes of state, from 1 */
  state(change: number, data: StateEvent): void {
    this.#publish('state', data, String(change));
  }

  step(data: StepReport): void {
    const id = this.#idOf('step', data.step, (earlier) => {
      const now = toJson('gapo.training.v1.StepReport', data);
      return earlier.type === 'gapo.v1.step' && outcomeOf(earlier.data) === outcomeOf(now);
    });
    this.#publish('step', data, id);
  }

  rollout(data: ShardEvent): void {
    this.#outbox.publish('rollout', data, { id: this.#partId(data.step, String(data.shard)) });
  }

  reward(data: RewardEvent): void {
    this.#outbox.publish('reward', data, { id: this.#partId(data.step, data.objective) });
  }

  /** @param update number of the update within the step, from 0 */
  gradient(update: number, data: ShardEvent): void {
    this.#outbox.publish('gradient', data, { id: this.#partId(data.step, `${update}.${data.shard}`) });
  }

  checkpoint(data: CheckpointEvent): void {
    const id = this.#idOf(
      'checkpoint',
      data.step,
      (earlier) => earlier.type === 'gapo.v1.checkpoint' && earlier.data.sha256 === data.sha256,
    );
    this.#publish('checkpoint', data, id);
  }

  /** @param number counts the run's changes of goals, from 1 */
  goals(number: number, { step, author, before, after }: GoalChange): void {
    const id = String(number);
    // An objective with new settings counts as both removed and added.
    const [added, removed] = [namesOf(newOf(before, after)), namesOf(newOf(after, before))];
    const preference = after.preference ?? {};
    if (added.length + removed.length === 0) {
      this.#publish('preference', { step, author, before: before.preference ?? {}, after: preference }, id);
      return;
    }
    const objectives = namesOf(after.objectives);
    this.#publish('objective', { step, author, added, removed, objectives, preference }, id);
  }

  #publish<K extends LastingKind>(kind: K, data: EventInput<K>, id: string): void {
    this.#outbox.publish(kind, data, { id });
    this.onLasting();
  }

  /** Publishes pending events for up to a few seconds, then closes the log. */
  close(): Promise<void> {
    return this.#outbox.close();
  }

  /**
   * Returns the id of a step's event. If an earlier event says the same, returns its id, and the new event is dropped as a
   * duplicate.
   */
  #idOf(kind: 'step' | 'checkpoint', step: number, isSame: (earlier: CloudEvent) => boolean): string {
    const earlier = this.#outbox.find(kind, String(step));
    return earlier === undefined || isSame(earlier) ? String(step) : `${step}.${this.#resumptions}`;
  }

  #partId(step: number, part: string): string {
    return `${step}.${part}.${this.#resumptions}`;
  }
}

function namesOf(objectives: readonly { readonly name: string }[]): string[] {
  return objectives.map(({ name }) => name);
}

/** Fields of a report that differ between two attempts at the same step. */
const circumstances: readonly string[] = ['seconds', 'phases', 'etaSeconds', 'traceId', 'latencyMs'];

function outcomeOf(report: object): string {
  const without = (key: string, value: unknown): unknown => (circumstances.includes(key) ? undefined : value);
  return canonicalJson(JSON.parse(JSON.stringify(report, without)));
}

/** Opens the log of a run's events, from which the platform publishes them. */
export function openOutbox({ bus }: Platform, directory: RunDirectory): Outbox {
  return bus.outbox(directory.id, { directory: directory.events, assertWritable: () => directory.assertWritable() });
}
