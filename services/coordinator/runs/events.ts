/** A run's events: what is published, under which ids, so that a repeated publication is recognised as one. */
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
 * Publishes a run's events. An id is a function of what happened: a state change by its number, a step and its
 * checkpoint by the step, a piece of a step by the step, the piece and how often the run had been resumed, since a step
 * that is done anew after a resumption has pieces of its own.
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

  /** The run goes on after a pause or failure, for the so manieth time. */
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
    this.#bus.publish(this.#runId, 'rollout', data, { id: this.#pieceId(data.step, String(data.shard)) });
  }

  reward(data: RewardEvent): void {
    this.#bus.publish(this.#runId, 'reward', data, { id: this.#pieceId(data.step, data.objective) });
  }

  /** @param update which of the step's updates, from 0 */
  gradient(update: number, data: ShardEvent): void {
    this.#bus.publish(this.#runId, 'gradient', data, { id: this.#pieceId(data.step, `${update}.${data.shard}`) });
  }

  checkpoint(data: CheckpointEvent): void {
    this.#bus.publish(this.#runId, 'checkpoint', data, { id: String(data.step) });
  }

  /** @param change counts the run's changes of what it aims at, from 1 */
  preference(change: number, data: PreferenceEvent): void {
    this.#bus.publish(this.#runId, 'preference', data, { id: String(change) });
  }

  /** @param change as of {@link preference} */
  objective(change: number, data: ObjectiveEvent): void {
    this.#bus.publish(this.#runId, 'objective', data, { id: String(change) });
  }

  #pieceId(step: number, piece: string): string {
    return `${step}.${piece}.${this.#resumptions}`;
  }
}
