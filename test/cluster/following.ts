/** Follows a run in the cluster, even if parts of the path end: the CLI's pod, the coordinator, the API server. */
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from '@gapo/service';
import { kubectlProgram } from './programs.js';
import { inCli } from './release.js';

const messageSchema = z.object({
  run: z.looseObject({ state: z.string(), step: z.coerce.number(), reason: z.string() }).nullish(),
  step: z.looseObject({ step: z.coerce.number() }).nullish(),
});

/** A run that takes no step for this long is considered hung. */
const hangMs = 10 * 60_000;

/** A run in progress. */
export class Following {
  /** Steps taken. */
  step = 0;
  /** Resolves when the run has succeeded; rejects if it ends otherwise, or hangs. */
  readonly ended: Promise<void>;
  #state = 'not seen yet';
  #over = false;
  /** Emits `step` after each step and at the end. */
  readonly #emitter = new EventEmitter();

  constructor(namespace: string, id: string) {
    this.ended = this.#follow(inCli(namespace, 'watch', id, '--json')).finally(() => {
      this.#over = true;
      this.#emitter.emit('step');
    });
  }

  /** Whether the run has ended. */
  get isOver(): boolean {
    return this.#over;
  }

  /** Waits until the run has taken a number of further steps, or has ended. */
  async steps(count: number): Promise<void> {
    const wanted = this.step + count;
    while (this.step < wanted && !this.#over) await once(this.#emitter, 'step');
  }

  async #follow(args: readonly string[]): Promise<void> {
    for (;;) {
      const child = spawn(kubectlProgram, args, { stdio: ['ignore', 'pipe', 'ignore'] });
      const exit = once(child, 'exit');
      let hang = setTimeout(() => child.kill(), hangMs);
      const { step } = this;
      try {
        for await (const line of createInterface(child.stdout)) {
          const { run, step: report } = messageSchema.parse(JSON.parse(line));
          if (run) this.#state = `${run.state} at step ${run.step}: ${run.reason}`;
          if (report && report.step > this.step) {
            this.step = report.step;
            this.#emitter.emit('step');
            clearTimeout(hang);
            hang = setTimeout(() => child.kill(), hangMs);
          }
          if (run?.state === 'RUN_STATE_SUCCEEDED') return;
          if (run?.state === 'RUN_STATE_FAILED' || run?.state === 'RUN_STATE_CANCELLED') throw new Error(this.#state);
        }
      } finally {
        clearTimeout(hang);
      }
      await exit;
      if (child.killed && this.step === step) throw new Error(`no step has ended for ten minutes: ${this.#state}`);
      await delay(1000);
    }
  }
}
