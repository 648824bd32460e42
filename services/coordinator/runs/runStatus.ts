/** The recorded status of a run, in run.json. A change is on disk before it is published. */
import { plainText, RpcError, stateWord, type StateEvent } from '@gapo/rpc';
import type { Logger } from '@gapo/service';
import { targetOf, type Transition } from './lifecycle.js';
import type { RunDirectory, RunRecord } from './runDirectory.js';

/** Options of {@link RunStatus}. */
export interface RunStatusOptions {
  readonly directory: RunDirectory;
  readonly record: RunRecord;
  readonly log: Logger;
  /** Receives every transition, once it is recorded. */
  readonly changed: (change: StateEvent) => void;
}

/** Transitions that are not made if they cannot be written: a user, or the next check of a fault, tries again. */
const needsDisk: ReadonlySet<Transition> = new Set(['hold', 'resume']);

/** The record of one run and its transitions. */
export class RunStatus {
  readonly #directory: RunDirectory;
  readonly #log: Logger;
  readonly #changed: (change: StateEvent) => void;
  #record: RunRecord;

  constructor({ directory, record, log, changed }: RunStatusOptions) {
    this.#directory = directory;
    this.#record = record;
    this.#log = log;
    this.#changed = changed;
  }

  get record(): RunRecord {
    return this.#record;
  }

  /** Changes the record in memory. The next transition writes it. */
  set(changes: Partial<RunRecord>): void {
    this.#record = { ...this.#record, ...changes };
  }

  /** Records a user's request to stop. If that cannot be written, the request holds for as long as this process runs. */
  request(requested: RunRecord['requested']): void {
    this.set({ requested });
    try {
      this.#directory.writeRecord(this.#record);
    } catch (error) {
      this.#log.error({ run: this.#record.id, error }, 'the request to stop could not be written');
    }
  }

  /** @throws RpcError FAILED_PRECONDITION if the state does not allow a transition */
  refuseUnless(transition: Transition): void {
    const { id, state } = this.#record;
    if (targetOf(transition, state) !== undefined) return;
    const allowed = (['pause', 'resume', 'cancel'] as const).filter((other) => targetOf(other, state) !== undefined);
    const why = `its state is ${stateWord(state)}, which ${allowed.length === 0 ? 'is final' : `allows ${allowed.join(' or ')}`}`;
    throw new RpcError('FAILED_PRECONDITION', `run ${id} cannot ${transition}: ${why}`);
  }

  /**
   * Makes a transition and writes it to disk, then to the log and the observer. The run is no longer resumed
   * automatically unless the changes say so. `begin` keeps a pending request to stop.
   *
   * @param changes to the rest of the record
   * @throws RangeError if the state does not allow it
   * @throws UserError if a resumption or a hold cannot be written; the run then stays as it is
   */
  change(transition: Transition, why: string, changes: Partial<RunRecord> = {}): void {
    // Often the message of a third-party service.
    const reason = plainText(why).replaceAll(/\s*\n\s*/g, ' ');
    const { id, state: from, changes: count } = this.#record;
    const to = targetOf(transition, from);
    if (to === undefined) throw new RangeError(`run ${id} cannot ${transition} in state ${from}`);
    const { requested, continues: _, ...rest } = this.#record;
    const open = transition === 'begin' ? { requested } : {};
    const record = { ...rest, ...open, ...changes, state: to, reason, changes: count + 1 };
    try {
      this.#directory.writeRecord(record);
    } catch (error) {
      if (needsDisk.has(transition)) throw error;
      // The run has its new state nevertheless; a restarted coordinator will find the old one.
      this.#log.error({ run: id, error }, 'the change of state could not be written');
    }
    this.#record = record;
    this.#log.info({ run: id, transition, reason }, `run ${id}: ${stateWord(from)} to ${stateWord(to)}`);
    this.#changed({ from, to, reason });
  }
}
