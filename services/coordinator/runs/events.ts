/** A run's events, with ids that let consumers recognise duplicates. */
import type { EventBus } from '@gapo/events';
import type {
  CheckpointEvent,
  ObjectiveEvent,
  PreferenceEvent,
  RewardEvent,
  ShardEvent,
  StateEvent,
  StepReport,
} from '@gapo/rpc';

/**
 * Publishes a run's events. Ids are deterministic: a change has its number, a step and its checkpoint the step's
 * number. A part of a step also has the number of resumptions, since a step that is repeated after a resumption has new
 * parts.
 */
export class RunEvents {
  readonly #bus: EventBus;
  readonly #runId: string;
  #resumptions: number;

  constructor(bus: EventBus, runId: string, resumptions: number) {
    this.#bus = bus;
    this.#runId = runId;
    this.#resumptions = resumptions;
  }

  /** Sets the number of resumptions. */
  resumed(resumptions: number): void {
    this.#resumptions = resumptions;
  }

  /** @param change counts the run's changes of state, from 1 */
  state(change: number, data: StateEvent): void {
    this.#bus.publish(this.#runId, 'state', data, { id: String(change) });
  }

  step(data: StepReport): void {
    this.#bus.publish(this.#runId, 'step', data, { id: String(data.step) });
  }

  rollout(data: ShardEvent): void {
    this.#bus.publish(this.#runId, 'rollout', data, { id: this.#partId(data.step, String(data.shard)) });
  }

  reward(data: RewardEvent): void {
    this.#bus.publish(this.#runId, 'reward', data, { id: this.#partId(data.step, data.objective) });
  }

  /** @param update number of the update within the step, from 0 */
  gradient(update: number, data: ShardEvent): void {
    this.#bus.publish(this.#runId, 'gradient', data, { id: this.#partId(data.step, `${update}.${data.shard}`) });
  }

  checkpoint(data: CheckpointEvent): void {
    this.#bus.publish(this.#runId, 'checkpoint', data, { id: String(data.step) });
  }

  /** @param change counts the run's changes of goals, from 1 */
  preference(change: number, data: PreferenceEvent): void {
    this.#bus.publish(this.#runId, 'preference', data, { id: String(change) });
  }

  /** @param change counts the run's changes of goals, from 1 */
  objective(change: number, data: ObjectiveEvent): void {
    this.#bus.publish(this.#runId, 'objective', data, { id: String(change) });
  }

  #partId(step: number, part: string): string {
    return `${step}.${part}.${this.#resumptions}`;
  }
}
