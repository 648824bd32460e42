/** One run from its creation to its end, with the faults of a schedule or without. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connectEvents, type CloudEvent } from '@gapo/events';
import { faultPoints, type FaultPointName } from '@gapo/faults';
import { connect, RpcError, type Client } from '@gapo/rpc';
import { UserError } from '@gapo/service';
import { Director, type Struck } from './director.js';
import { begunSteps, eventsOf, readHistory, resumptionsOf, type History } from './history.js';
import { startChaosPlatform } from './platform.js';
import { scheduleOf, type PlannedFault } from './schedule.js';

/** The run that is trained. */
export interface TrialWorld {
  readonly baseDirectory: string;
  readonly rewardsFile: string;
  readonly configYaml: string;
  readonly steps: number;
}

/** Options of a trial. */
export interface TrialOptions {
  readonly world: TrialWorld;
  /** A directory for data and logs. */
  readonly root: string;
  readonly rolloutWorkers: number;
  readonly gradientWorkers: number;
  readonly seed: number;
  /** The number of faults. */
  readonly faults: number;
  readonly say: (text: string) => void;
}

/** The result of a trial. */
export interface TrialResult {
  readonly history: History;
  /** Seconds between the ends of steps, from the second. */
  readonly intervals: readonly number[];
  readonly struck: readonly Struck[];
  /** Faults of the schedule that did not strike, or whose point was not reached. */
  readonly missed: readonly PlannedFault[];
  /** The run's own log of events. */
  readonly logged: ReturnType<typeof eventsOf>;
  /** The events in JetStream. */
  readonly replayed: readonly CloudEvent[];
  /** Steps begun between two resumptions. */
  readonly begun: ReturnType<typeof begunSteps>;
  readonly resumptions: number;
  readonly seconds: number;
}

const runId = 'chaos';
/** A run that takes no step for this long is considered hung. */
const hangMs = 15 * 60_000;
const copyMs = 180_000;
/**
 * The run has no CHECKPOINT_STORE, so the points of the archive are never reached; the archive's own tests cover them.
 */
const points = (Object.keys(faultPoints) as FaultPointName[]).filter((name) => !name.startsWith('store.'));

type Training = Client<'gapo.training.v1.TrainingService'>;

/**
 * Trains a run to its end.
 *
 * @throws UserError if the run fails or hangs
 */
export async function trial(options: TrialOptions): Promise<TrialResult> {
  const { world, root, rolloutWorkers, gradientWorkers, say } = options;
  const started: { director?: Director } = {};
  const platform = await startChaosPlatform({
    root,
    projectDirectories: [world.baseDirectory],
    rewardsFile: world.rewardsFile,
    rolloutWorkers,
    gradientWorkers,
    ended: (service, how) => started.director?.ended(service, how),
  });
  const names = [...platform.services.keys()];
  const targets = { services: names, links: [...platform.links.keys()], points, disk: platform.disk !== undefined };
  if (!targets.disk && options.faults > 0) say('  no file system can be mounted here: the disk is never full');
  const schedule = scheduleOf(options.seed, options.faults, world.steps, targets);
  const director = new Director(schedule, platform, say);
  started.director = director;
  const training = connect('gapo.training.v1.TrainingService', platform.coordinator);
  try {
    const begin = performance.now();
    await training.CreateRun(
      { configYaml: world.configYaml, baseDirectory: world.baseDirectory, runId },
      { deadlineMs: 600_000 },
    );
    const ends = await follow(training, director, world.steps, say);
    const seconds = (performance.now() - begin) / 1000;
    await director.over();
    const directory = join(platform.dataDirectory, runId);
    const logged = eventsOf(directory);
    const reached = new Set(director.reached);
    const unreached = director.struck.map(({ fault }) => fault).filter((fault) => fault.kind === 'point' && !reached.has(fault)); // prettier-ignore
    return {
      history: readHistory(directory),
      intervals: ends.map((end, i) => (end - (ends[i - 1] ?? end)) / 1000),
      struck: director.struck,
      missed: [...director.left, ...unreached],
      logged,
      replayed: await replay(platform.nats, logged.length),
      begun: begunSteps(logged),
      resumptions: resumptionsOf(directory),
      seconds,
    };
  } finally {
    training.close();
    await platform.stop();
  }
}

/** Follows a run across ends of the coordinator. Returns when each step was seen to have ended, by performance.now(). */
async function follow(
  training: Training,
  director: Director,
  steps: number,
  say: (text: string) => void,
): Promise<number[]> {
  const ends: number[] = [];
  let last = performance.now();
  let state = '';
  for (;;) {
    try {
      const hang = AbortSignal.timeout(hangMs);
      for await (const { run, step, progress } of training.WatchRun(
        { runId },
        { deadlineMs: Infinity, signal: hang },
      )) {
        if (run) {
          const { reason, recovery } = run;
          state = `${run.state} at step ${run.step}: ${reason}${recovery ? `; waiting for ${recovery.waitingFor}: ${recovery.problem}` : ''}`; // prettier-ignore
          if (run.state === 'RUN_STATE_SUCCEEDED') return ends;
          if (run.state === 'RUN_STATE_FAILED' || run.state === 'RUN_STATE_CANCELLED') throw new UserError(state);
          if (run.state === 'RUN_STATE_PAUSED') say(`  ${state}`);
        }
        if (step && step.step > ends.length) {
          last = performance.now();
          ends.push(last);
          director.stepEnded(step.step);
          say(`step ${step.step} of ${steps}`);
          if (step.step < steps) director.reach(step.step + 1, 'sampling');
        }
        if (progress) director.reach(progress.step, progress.phase);
      }
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
    }
    if (performance.now() - last > hangMs)
      throw new UserError(`no step has ended for ${hangMs / 60_000} minutes: ${state}`);
    await delay(200);
  }
}

/** Returns the events of the stream, once there are as many as in the log or after a while. */
async function replay(url: string, wanted: number): Promise<CloudEvent[]> {
  const end = performance.now() + copyMs;
  const bus = await connectEvents({ url, source: 'chaos' });
  try {
    for (;;) {
      const events: CloudEvent[] = [];
      for await (const event of bus.replay(runId)) events.push(event);
      if (events.length >= wanted || performance.now() > end) return events;
      await delay(500);
    }
  } finally {
    await bus.close();
  }
}
