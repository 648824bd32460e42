/** Records runs in an MLflow tracking server: parameters, a point per metric and step, the state, and finally the adapter and the report. */
import type { LoggedEvent } from '@gapo/events';
import { stateWord, type RunInput, type RunState } from '@gapo/rpc';
import type { Logger } from '@gapo/service';
import { parametersOf } from '../tracked/parameters.js';
import { attemptName, pointsOf, stepKey } from '../tracked/points.js';
import { RemovedThere, type TrackedRun, type Tracker, type TrackerSession } from '../tracked/tracker.js';
import { artifactsOf } from './artifacts.js';
import { MlflowClient, type MlflowMetric, type MlflowPair, type MlflowRun, type MlflowServer, type MlflowStatus } from './client.js'; // prettier-ignore

/** Options of a {@link MlflowTracker}. */
export interface MlflowOptions extends MlflowServer {
  /** The name of the experiment that runs belong to. */
  readonly experiment: string;
  readonly log: Logger;
}

/** Limits per request. */
const [mostMetrics, mostPairs] = [1000, 100];

/** Maximum characters of a parameter or tag that every MLflow release accepts. */
const mostCharacters = 500;

/** The MLflow status for each state of a run. */
const statuses: Readonly<Record<RunState, MlflowStatus>> = {
  RUN_STATE_UNSPECIFIED: 'RUNNING',
  RUN_STATE_STARTING: 'RUNNING',
  RUN_STATE_RUNNING: 'RUNNING',
  RUN_STATE_PAUSED: 'SCHEDULED',
  RUN_STATE_SUCCEEDED: 'FINISHED',
  RUN_STATE_FAILED: 'FAILED',
  RUN_STATE_CANCELLED: 'KILLED',
};

/** States after which the adapter and the report are stored. */
const finals: ReadonlySet<RunState> = new Set(['RUN_STATE_SUCCEEDED', 'RUN_STATE_FAILED', 'RUN_STATE_CANCELLED']);

/** An MLflow server. */
export class MlflowTracker implements Tracker {
  readonly place: string;
  readonly #client: MlflowClient;
  readonly #experiment: string;
  readonly #log: Logger;

  /** @throws TypeError if the URL is not one */
  constructor(options: MlflowOptions) {
    this.#client = new MlflowClient(options);
    this.#experiment = options.experiment;
    this.#log = options.log;
    this.place = `MLflow ${this.#client.url}, experiment ${options.experiment}`;
  }

  async open(run: TrackedRun, signal: AbortSignal): Promise<TrackerSession> {
    const experiment = await this.#client.experimentId(this.#experiment, signal);
    const tags = { 'gapo.run.id': run.id, 'gapo.run.created': run.created.toISOString() };
    const found = await this.#client.findRun(experiment, tags, signal);
    if (found !== undefined && found.info.lifecycle_stage !== 'active') {
      throw new RemovedThere(`run ${run.id} was deleted at ${this.place}: it is not recorded there any more; restore it, then restart the coordinator`); // prettier-ignore
    }
    const there = found ?? (await this.#create(run, experiment, tags, signal));
    const known = new Set(there.data.params.map(({ key }) => key));
    const params = pairsOf(parametersOf(run.config)).filter(({ key }) => !known.has(key));
    for (const part of partsOf(params, mostPairs)) {
      await this.#client.logBatch(there.info.run_id, { params: part }, signal);
    }
    const recorded = found === undefined ? [] : await this.#client.history(there.info.run_id, attemptName, signal);
    const steps = new Set(recorded.map(({ step, value }) => stepKey({ step, attempt: value })));
    return new MlflowSession(this.#client, run, there, steps, this.#log);
  }

  #create(
    run: TrackedRun,
    experiment: string,
    identity: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<MlflowRun> {
    const tags = pairsOf([
      ...Object.entries(identity),
      ['mlflow.source.name', 'gapo'],
      ['mlflow.source.type', 'JOB'],
      ['gapo.method', run.config.combine.method],
      ...(run.config.tags === undefined ? [] : [['gapo.tags', run.config.tags.join(', ')] as const]),
      ['gapo.config.sha256', run.snapshot().configSha256 ?? ''],
      ...(run.snapshot().data ?? []).map(({ key, file, sha256 }) => [`gapo.data.${key}`, `${file} sha256:${sha256}`] as const),
    ]); // prettier-ignore
    return this.#client.createRun({ experiment, name: run.id, startTime: run.created.getTime(), tags }, signal);
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

/** One run on the server. */
class MlflowSession implements TrackerSession {
  readonly #client: MlflowClient;
  readonly #run: TrackedRun;
  readonly #there: MlflowRun;
  /** The steps that the server has. */
  readonly #steps: Set<string>;
  readonly #log: Logger;

  constructor(client: MlflowClient, run: TrackedRun, there: MlflowRun, steps: Set<string>, log: Logger) {
    this.#client = client;
    this.#run = run;
    this.#there = there;
    this.#steps = steps;
    this.#log = log;
  }

  async write(events: readonly LoggedEvent[], signal: AbortSignal): Promise<void> {
    await this.#writeSteps(events, signal);
    const changes = events.filter(({ event: { type } }) => /^gapo\.v1\.(state|preference|objective)$/.test(type));
    if (changes.length === 0) return;
    // The current state: the state in an event may be outdated by the time it is read.
    const [state, snapshot] = [this.#run.state(), this.#run.snapshot()];
    await this.#client.logBatch(this.#id, { tags: tagsOf(state, snapshot) }, signal);
    const last = changes.findLast(({ event: { type } }) => type === 'gapo.v1.state')?.event;
    if (last === undefined) return;
    const ended = finals.has(state);
    if (ended) await this.#storeArtifacts(snapshot, signal);
    const status = statuses[state];
    await this.#client.updateRun(this.#id, status, ended ? Date.parse(last.time) : undefined, signal);
  }

  get #id(): string {
    return this.#there.info.run_id;
  }

  /** Puts whole steps into one request if they fit: the server then has all points of a step or none. */
  async #writeSteps(events: readonly LoggedEvent[], signal: AbortSignal): Promise<void> {
    let metrics: MlflowMetric[] = [];
    const send = async (): Promise<void> => {
      // The attempt comes last, because a step counts as recorded only when all of its points are.
      for (const part of partsOf(metrics, mostMetrics))
        await this.#client.logBatch(this.#id, { metrics: part }, signal);
      metrics = [];
    };
    for (const { event } of events) {
      const points = pointsOf(event);
      if (points === undefined || this.#steps.has(stepKey(points))) continue;
      if (metrics.length + points.points.length > mostMetrics) await send();
      const { step, time: timestamp } = points;
      metrics.push(
        ...points.points.map(({ name, value }) => ({ key: name, value: jsonNumber(value), timestamp, step })),
      );
      this.#steps.add(stepKey(points));
    }
    await send();
  }

  async #storeArtifacts(snapshot: RunInput, signal: AbortSignal): Promise<void> {
    const uri = this.#there.info.artifact_uri;
    const root = /^mlflow-artifacts:\/+(?!\/)(.+)$/.exec(uri)?.[1];
    if (root === undefined) {
      const why = `its artifacts are at ${uri}, which cannot be reached through the server: start it with --serve-artifacts`;
      this.#log.warn(
        { run: this.#run.id },
        `the adapter and report of run ${this.#run.id} are not stored at MLflow: ${why}`,
      );
      return;
    }
    for (const { name, content } of artifactsOf(this.#run, snapshot)) {
      await this.#client.upload(`${root}/${name}`, await content(), signal);
    }
  }
}

function tagsOf(state: RunState, run: RunInput): MlflowPair[] {
  return pairsOf([
    ['gapo.state', stateWord(state)],
    ['gapo.reason', run.reason ?? ''],
    ['gapo.objectives', (run.objectives ?? []).join(', ')],
    ['gapo.preference', JSON.stringify(run.preference ?? {})],
    ['gapo.version.sha256', run.versionSha256 ?? ''],
  ]);
}

/** Returns the non-empty pairs, truncated to what MLflow accepts. The full values are in run.yaml, which is stored too. */
function pairsOf(pairs: Iterable<readonly [string, string]>): MlflowPair[] {
  return [...pairs].map(([key, text]) => {
    const cut = text.length > mostCharacters ? `${text.slice(0, mostCharacters - 1)}…` : text;
    return { key, value: cut };
  });
}

function partsOf<T>(items: readonly T[], most: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / most) }, (_, i) => items.slice(i * most, (i + 1) * most));
}

function jsonNumber(value: number): MlflowMetric['value'] {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}
