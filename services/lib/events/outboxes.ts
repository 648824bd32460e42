/** The outboxes that a bus has open, with their logs. */
import { count } from '@gapo/tracing';
import type { BusStats, EventBus, Outbox, OutboxOptions } from './bus.js';
import { subjectOf } from './cloudEvent.js';
import type { EventError } from './eventError.js';
import { defaultLimits, EventLog } from './log/eventLog.js';
import { LoggedOutbox, type OutboxContext } from './outbox.js';

/** Collaborators of the outboxes. */
export interface OutboxesOptions {
  readonly source: string;
  readonly transport: EventBus['transport'];
  /** Counts refused events. */
  readonly counts: Pick<BusStats, 'refused'>;
  readonly onError: (error: EventError) => void;
}

/** How the events of a log are delivered. */
export type Delivery = Pick<OutboxContext, 'onEvent' | 'onClose'>;

/** Opens outboxes. Closes the open ones together with the bus. */
export class Outboxes {
  readonly #options: OutboxesOptions;
  readonly #open = new Set<Outbox>();

  constructor(options: OutboxesOptions) {
    this.#options = options;
  }

  /**
   * Opens the log of a run and its outbox.
   *
   * @throws UserError if the log cannot be read
   * @throws TypeError if the run's id cannot be part of a subject
   */
  open(runId: string, options: OutboxOptions, deliver: (log: EventLog) => Delivery): Outbox {
    subjectOf(runId, undefined);
    const { source, transport, counts, onError } = this.#options;
    const { directory, assertWritable = () => undefined, limits = defaultLimits } = options;
    const log = new EventLog({ directory, assertWritable, limits, copied: transport === 'nats', onError });
    const { onEvent, onClose } = deliver(log);
    const outbox: Outbox = new LoggedOutbox({
      runId,
      source,
      transport,
      log,
      onEvent,
      onRefused: (error) => {
        counts.refused++;
        count('eventsRefused', 1);
        onError(error);
      },
      onMalformed: onError,
      onClose: async () => {
        await onClose();
        this.#open.delete(outbox);
      },
    });
    this.#open.add(outbox);
    return outbox;
  }

  /** Closes the outboxes. */
  async close(): Promise<void> {
    await Promise.all([...this.#open].map((outbox) => outbox.close()));
  }
}
