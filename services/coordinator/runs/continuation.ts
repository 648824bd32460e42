/** Decides whether and when the coordinator resumes a run by itself: after a fault, or after the end of its process. */
import { recoveryDefaults, type Recovery as RecoveryConfig, type RunConfig } from '@gapo/config';
import type { RecoveryInput } from '@gapo/rpc';
import type { Fault } from '../state/interruption.js';
import { attemptsAt, maxCrashes, type Attempts } from './attempts.js';
import { Recovery } from './recovery.js';
import type { RunStatus } from './runStatus.js';

/** Options of {@link Continuation}. */
export interface ContinuationOptions {
  readonly config: RunConfig;
  readonly status: RunStatus;
  /** Returns the steps that the run has taken. */
  readonly stepsTaken: () => number;
  /** Receives every change of {@link Continuation.state} during a wait. */
  readonly changed: () => void;
  /** Resumes the run after a fault, with the attempts to record. If this rejects, the wait continues with the reason. */
  readonly resume: (attempts: Attempts) => Promise<void>;
}

/** The resumptions of one run that no user asks for, within the bounds of `recovery` in its configuration. */
export class Continuation {
  readonly #config: RecoveryConfig;
  readonly #status: RunStatus;
  readonly #stepsTaken: () => number;
  readonly #recovery: Recovery;

  constructor({ config, status, stepsTaken, changed, resume }: ContinuationOptions) {
    this.#config = config.recovery ?? recoveryDefaults;
    this.#status = status;
    this.#stepsTaken = stepsTaken;
    this.#recovery = new Recovery({
      changed,
      over: () => resume({ ...this.#attempts, faults: this.#attempts.faults + 1 }),
      givenUp: (reason) => status.change('hold', reason),
    });
  }

  /** Whether the coordinator resumes the run, which is paused, by itself. */
  get isPlanned(): boolean {
    return this.#status.record.continues === true;
  }

  /** Whether a fault is waited for. */
  get isWaiting(): boolean {
    return this.#recovery.state !== undefined;
  }

  /** What a run that will be resumed waits for, as a message; undefined for any other run. */
  get state(): RecoveryInput | undefined {
    return this.isPlanned ? (this.#recovery.state ?? { waitingFor: 'the coordinator' }) : undefined;
  }

  /** Resumptions without a user since the last step. */
  get #attempts(): Attempts {
    return attemptsAt(this.#status.record.attempts, this.#stepsTaken());
  }

  /** Makes the transition of a run that was active when its coordinator ended. */
  interrupted(): void {
    const attempts = this.#attempts;
    if (attempts.crashes < maxCrashes) {
      const reason = 'the coordinator ended while the run was active; it continues from its last checkpoint';
      return this.#status.change('pause', reason, {
        continues: true,
        attempts: { ...attempts, crashes: attempts.crashes + 1 },
      });
    }
    const reason =
      `the coordinator ended while the run was active, also each of the ${maxCrashes} times that it was resumed after step ` +
      `${this.#stepsTaken()}; find the cause in the coordinator's log, then resume the run`;
    this.#status.change('fail', reason, { attempts });
  }

  /**
   * Pauses an active run for a fault, and waits until it is over.
   *
   * @param wait whether this process waits; if not, the next one resumes the run
   */
  pause(fault: Fault, reason: string, wait: boolean): void {
    const { resume, attempts: most } = this.#config;
    const attempts = this.#attempts;
    const byHand = `${reason}, then resume the run`;
    if (resume === 'manual') return this.#status.change('pause', byHand);
    if (attempts.faults >= most) {
      return this.#status.change('pause', `${byHand} (the coordinator resumed it ${times(most)} at this step)`, {
        attempts,
      });
    }
    this.#status.change('pause', `${reason}; the run then resumes by itself`, { continues: true, attempts });
    if (wait) this.wait(fault, byHand);
  }

  /**
   * Waits until a fault is over.
   *
   * @param fault undefined for one that only a resumption can check
   * @param byHand the reason of a run that waits for a user
   */
  wait(fault: Fault | undefined, byHand = this.#status.record.reason): void {
    const { attempts: maxAttempts, hours } = this.#config;
    this.#recovery.begin({
      fault: fault ?? { waitingFor: 'DATA_DIR', check: () => Promise.resolve() },
      attempts: this.#attempts.faults,
      maxAttempts,
      limitMs: hours * 3_600_000,
      givenUp: `${byHand} (the coordinator waited ${hours} h)`,
    });
  }

  /** Ends the wait in progress, if any. */
  end(): void {
    this.#recovery.end();
  }
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}
