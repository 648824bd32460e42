/**
 * Decides whether and when the coordinator resumes a run automatically: after a fault, or after the end of its own
 * process.
 */
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
  /** Returns the number of steps that the run has taken. */
  readonly stepsTaken: () => number;
  /** Receives every change of {@link Continuation.state} during a wait. */
  readonly changed: () => void;
  /** Resumes the run after a fault and records the attempts. If this rejects, the wait continues with that reason. */
  readonly resume: (attempts: Attempts) => Promise<void>;
}

/** Resumes one run automatically, within the limits of `recovery` in its configuration. */
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

  /** Whether the run is paused and the coordinator will resume it automatically. */
  get isPlanned(): boolean {
    return this.#status.record.continues === true;
  }

  /** Whether the run is waiting for a fault to pass. */
  get isWaiting(): boolean {
    return this.#recovery.state !== undefined;
  }

  /** What the run is waiting for, as a message; undefined unless it will be resumed automatically. */
  get state(): RecoveryInput | undefined {
    return this.isPlanned ? (this.#recovery.state ?? { waitingFor: 'the coordinator' }) : undefined;
  }

  /** Automatic resumptions since the last step. */
  get #attempts(): Attempts {
    return attemptsAt(this.#status.record.attempts, this.#stepsTaken());
  }

  /** Makes the transition for a run that was active when its coordinator ended. */
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
      `the coordinator ended while the run was active, and again each of the ${maxCrashes} times that it resumed the run after step ` +
      `${this.#stepsTaken()}; find the cause in the coordinator's log, then resume the run`;
    this.#status.change('fail', reason, { attempts });
  }

  /**
   * Pauses an active run because of a fault, and waits until the fault is over.
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
   * @param fault undefined if only resuming the run can show whether the fault is over
   * @param byHand the reason shown once the run waits for a user
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
