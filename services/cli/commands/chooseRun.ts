/** Which run `gapo run` takes: the unfinished one of the same configuration, or a new one. */
import { basename } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Run } from '@gapo/rpc';
import { UserError } from '@gapo/service';
import type { Coordinator } from '../client.js';
import type { ConfigFile } from '../configFile.js';
import { launchesOf, recordLaunch } from '../launches.js';
import { stateName } from '../render/runProgress.js';
import { isSettled, isUnfinished } from './follow.js';

/** What a person said about an unfinished run. */
export interface RunChoice {
  /** Go on with it; an error where there is none. */
  resume?: true;
  /** Begin anew, whatever there is. */
  fresh?: true;
}

/** Whether to go on with an unfinished run, where neither option says. */
async function askToResume(signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return true;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // In raw mode the terminal sends no signal at Ctrl-C: readline does, and it means the same here.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    const answer = await lines.question('Go on with it? [Y/n, n begins anew] ', { signal });
    return !/^n/i.test(answer.trim());
  } finally {
    lines.close();
  }
}

/**
 * Creates a run, resumes the unfinished one of the same configuration, or returns it where it is in progress.
 *
 * @param say tells what is done
 */
export async function chooseRun(
  coordinator: Coordinator,
  config: ConfigFile,
  dataDirectory: string,
  choice: RunChoice,
  { say, signal }: { say: (text: string) => void; signal: AbortSignal },
): Promise<Run> {
  const launched = launchesOf(dataDirectory, config);
  const unfinished = choice.fresh
    ? undefined
    : (await coordinator.listRuns()).find((run) => launched.has(run.id) && isUnfinished(run));
  if (unfinished !== undefined) {
    const { id, step, totalSteps, reason } = unfinished;
    const state = stateName(unfinished.state);
    say(
      `run ${id} of this configuration is unfinished: ${state} at step ${step} of ${totalSteps}${reason === '' ? '' : ` (${reason})`}`,
    );
    if (choice.resume || (await askToResume(signal))) {
      if (state === 'running' || state === 'starting') return unfinished;
      say(`going on with ${id}; --fresh begins anew`);
      return coordinator.resumeRun(id, signal);
    }
  } else if (choice.resume) {
    throw new UserError(`no unfinished run of ${config.path} in ${dataDirectory}: leave --resume out to begin one`);
  }
  return beginRun(coordinator, config, dataDirectory, signal);
}

/**
 * The run of a configuration that has taken all its steps where there is one, else the unfinished one, gone on with, else
 * a new one.
 */
export async function takeRun(
  coordinator: Coordinator,
  config: ConfigFile,
  dataDirectory: string,
  signal: AbortSignal,
): Promise<Run> {
  const launched = launchesOf(dataDirectory, config);
  const runs = (await coordinator.listRuns()).filter(({ id }) => launched.has(id));
  const done = runs.find(({ state }) => state === 'RUN_STATE_SUCCEEDED');
  if (done !== undefined) return done;
  const unfinished = runs.find(isUnfinished);
  if (unfinished === undefined) return beginRun(coordinator, config, dataDirectory, signal);
  return isSettled(unfinished) ? coordinator.resumeRun(unfinished.id, signal) : unfinished;
}

async function beginRun(
  coordinator: Coordinator,
  config: ConfigFile,
  dataDirectory: string,
  signal: AbortSignal,
): Promise<Run> {
  const { text: configYaml, path, baseDirectory } = config;
  const run = await coordinator.createRun(
    { configYaml, configName: basename(path), baseDirectory, id: undefined },
    signal,
  );
  recordLaunch(dataDirectory, run.id, config);
  return run;
}
