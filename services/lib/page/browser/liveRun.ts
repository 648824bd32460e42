/** A run that the page follows: its state, its curves and its last step, from the gateway, and then from its events. */
import type { RewardEventJson, RunEventJson, RunJson, StepReportJson } from '@gapo/rpc/json';
import { fetchRun, fetchSeries, followRun } from '#page/feed.js';
import { missingText, nothingYet, recoveryText, take, type Following } from '#page/progress.js';
import { append, columnsOf, noSeries, thinned, type Series } from '#page/series.js';
import { messageOf } from '#page/view.js';

/** How often a paused run is fetched, to show what it waits for. */
const waitMs = 1000;

/** Points of a curve. New steps are added up to twice as many. */
const curvePoints = 800;

/** What a view needs to know of a run. */
export interface ShownRun {
  readonly run: RunJson;
  readonly state: string;
  readonly reason: string;
  readonly last: StepReportJson | undefined;
  readonly curves: Series;
  /** What it does or waits for; empty where that is not known. */
  readonly doing: string;
  /** The newest scores of each objective that events reported, by its name. */
  readonly scored: ReadonlyMap<string, RewardEventJson>;
}

/** What a view observes: that the run changed, and the event that said so. */
export type OnChange = (event?: RunEventJson) => void;

/** Follows one run. */
export class LiveRun implements ShownRun {
  readonly id: string;
  readonly scored = new Map<string, RewardEventJson>();
  readonly #following: Following = nothingYet();
  readonly #listeners = new Set<OnChange>();
  readonly #timer: ReturnType<typeof setInterval>;
  #run: RunJson;
  #curves: Series = noSeries();
  #curvesProblem = '';
  #last: StepReportJson | undefined;
  #away = '';
  #waiting: string;
  #stop: () => void = () => undefined;

  private constructor(run: RunJson) {
    this.id = run.id;
    this.#run = run;
    this.#last = run.lastStep;
    this.#waiting = recoveryText(run, Date.now());
    // No event says when a fault is checked again. A gateway that does not answer is said by the stream.
    this.#timer = setInterval(() => void this.#watchWait().catch(() => undefined), waitMs);
  }

  /** Fetches a run and follows it. Its curves arrive later. @throws Error with the gateway's message */
  static async open(id: string): Promise<LiveRun> {
    const run = await fetchRun(id);
    const live = new LiveRun(run);
    live.#follow(run.lastStep?.step ?? 0);
    if (run.lastStep !== undefined) void live.#loadCurves();
    return live;
  }

  get run(): RunJson {
    return this.#run;
  }

  get state(): string {
    return this.#following.state?.to ?? this.#run.state;
  }

  get reason(): string {
    return this.#following.state === undefined ? this.#run.reason : this.#following.state.reason;
  }

  get last(): StepReportJson | undefined {
    return this.#last;
  }

  get curves(): Series {
    return this.#curves;
  }

  get doing(): string {
    const doing = this.#away || this.#waiting || this.#following.doing;
    return [doing, this.#curvesProblem, missingText(this.#following)].filter(Boolean).join('. ');
  }

  /** Observes changes. Returns a function that stops. */
  onChange(listener: OnChange): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Fetches the run: its objectives and preference may have changed. */
  async refresh(): Promise<void> {
    this.#run = await fetchRun(this.id);
    this.#waiting = recoveryText(this.#run, Date.now());
    this.#tell();
  }

  /** Stops following. */
  leave(): void {
    clearInterval(this.#timer);
    this.#stop();
    this.#listeners.clear();
  }

  #follow(known: number): void {
    const stop = followRun(
      this.id,
      known,
      (event, sequence) => {
        take(this.#following, event, sequence);
        if (event.step) this.#addStep(event.step);
        if (event.reward) this.scored.set(event.reward.objective, event.reward);
        // Goals are part of the run, not of these events.
        if (event.preference || event.objective) void this.refresh().catch(() => undefined);
        this.#tell(event);
      },
      (connected) => {
        this.#away = connected ? '' : 'the gateway does not answer; retrying';
        this.#tell();
      },
    );
    this.#stop = stop;
  }

  /** Fetches the curves of the steps before the page was opened, and adds those since. */
  async #loadCurves(): Promise<void> {
    try {
      const curves = await fetchSeries(this.id, 'curves');
      const since = this.#curves;
      this.#curves = curves;
      for (const [i, step] of since.steps.entries()) {
        append(
          curves,
          step,
          Object.fromEntries(Object.entries(since.columns).map(([name, column]) => [name, column[i]])),
        );
      }
    } catch (error) {
      this.#curvesProblem = `The curves of past steps could not be read: ${messageOf(error)}`;
    }
    this.#tell();
  }

  #addStep(step: StepReportJson): void {
    this.#last = step;
    append(this.#curves, step.step, columnsOf(step, 'curves'));
    if (this.#curves.steps.length > 2 * curvePoints) this.#curves = thinned(this.#curves, curvePoints);
  }

  #tell(event?: RunEventJson): void {
    for (const listener of this.#listeners) listener(event);
  }

  async #watchWait(): Promise<void> {
    if (this.state === 'RUN_STATE_PAUSED' || this.#waiting !== '') await this.refresh();
  }
}
