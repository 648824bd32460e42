/** The metrics of one run: counters and durations of its steps, and gauges of its last step while it is active. */
import type { RunConfig } from '@gapo/config';
import { stateWord, type RunState, type StepReport } from '@gapo/rpc';
import { count, record, type Observe } from '@gapo/tracing';
import { measurementsOf, observeAll } from '../step/stepMeasurements.js';

/** What is known about a run when its metrics are collected. */
export interface RunReading {
  readonly state: RunState;
  /** The report of its last step; undefined before the first. */
  readonly last: StepReport | undefined;
}

/** Measures one run. */
export class RunMetrics {
  readonly #runId: string;
  readonly #config: RunConfig;
  /** When it last took a step, or changed its state: milliseconds since 1970. */
  #progressAt = Date.now();

  constructor(runId: string, config: RunConfig) {
    this.#runId = runId;
    this.#config = config;
  }

  /** Counts a change of state. */
  changed(to: RunState): void {
    this.#progressAt = Date.now();
    count('runChanges', 1, { runState: stateWord(to) });
  }

  /** Records a step. */
  stepped({ seconds, phases, tokens, completionLength }: StepReport): void {
    this.#progressAt = Date.now();
    const { algorithm } = this.#config;
    count('steps', 1, { algorithm });
    count('tokens', tokens, { algorithm });
    if (completionLength > 0) count('samples', Math.round(tokens / completionLength), { algorithm });
    record('loopDuration', seconds, { algorithm });
    if (phases == null) return;
    record('sampleDuration', phases.sampling, { algorithm });
    record('rewardDuration', phases.rewards, { algorithm });
    record('trainDuration', phases.gradients + phases.combination, { algorithm });
    if (phases.checkpoint > 0) record('checkpointDuration', phases.checkpoint);
  }

  /** Reports the current state of the run. */
  observe(observe: Observe, { state, last }: RunReading): void {
    const run = { runId: this.#runId };
    observe('runState', 1, { ...run, runState: stateWord(state) });
    observe('runSteps', this.#config.steps, run);
    observe('runProgressTime', this.#progressAt / 1000, run);
    if (last === undefined) observe('runStep', 0, run);
    else observeAll(observe, measurementsOf(this.#runId, last));
  }
}
