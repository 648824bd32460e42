/** Chooses the run of a configuration: the unfinished one, or a new one. */
import { basename } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { stateWord, type Run } from '@gapo/rpc';
import { UserError } from '@gapo/service';
import type { Coordinator } from '../client.js';
import type { ConfigFile } from '../configFile.js';
import { note } from '../output.js';
import { isSettled, isUnfinished } from './follow.js';
import { launchesOf, recordLaunch } from './launches.js';

/** Options about an unfinished run. */
export interface RunChoice {
  /** Resume it; an error if there is none. */
  resume?: true;
  /** Start a new run. */
  fresh?: true;
}

/** Asks the user whether to resume an unfinished run. Without a terminal the answer is yes. */
async function askToResume(signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return true;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // In raw mode Ctrl-C sends no signal; readline emits an event instead.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    const answer = await lines.question('Resume it? [Y/n, n starts a new run] ', { signal });
    return !/^n/i.test(answer.trim());
  } finally {
    lines.close();
  }
}

/**
 * Creates a run, or returns the unfinished one of the same configuration, resumed if it has stopped.
 *
 * @param output.say prints a message
 * @throws UserError if --resume is given and there is no unfinished run
 */
export async function chooseRun(
  coordinator: Coordinator,
  config: ConfigFile,
  dataDirectory: string,
  choice: RunChoice,
  { say, signal }: { say: (text: string) => void; signal: AbortSignal },
): Promise<Run> {
  const launched = launchesOf(dataDirectory, config);
  const all = (await coordinator.listRuns()).filter((run) => launched.has(run.id) && isUnfinished(run));
  const [unfinished] = all;
  if (unfinished !== undefined && !choice.fresh) {
    const { id, state, step, totalSteps, reason } = unfinished;
    say(
      `run ${id} of this configuration is unfinished: ${stateWord(state)} at step ${step} of ${totalSteps}${reason === '' ? '' : ` (${reason})`}`,
    );
    if (choice.resume || (await askToResume(signal))) {
      if (!isSettled(unfinished)) return unfinished;
      say(`resuming ${id}; --fresh starts a new run`);
      return coordinator.resumeRun(id, { signal });
    }
  } else if (choice.resume) {
    throw new UserError(`no unfinished run of ${config.path} in ${dataDirectory}: start one without --resume`);
  }
  for (const run of all.filter((each) => !isSettled(each))) await setAside(coordinator, run, say);
  return beginRun(coordinator, config, dataDirectory, { signal });
}

/**
 * Pauses a run that the coordinator trains or would resume, so that it does not share the workers with a new run. A run that
 * has ended in the meantime stays as it is.
 */
async function setAside(coordinator: Coordinator, { id }: Run, say: (text: string) => void): Promise<void> {
  try {
    await coordinator.pauseRun(id);
    say(`run ${id} of this configuration is paused in favour of the new run; \`gapo resume ${id}\` continues it`);
  } catch (error) {
    if (!isSettled(await coordinator.getRun(id))) throw error;
  }
}

/** Returns the completed run of a configuration; otherwise resumes the unfinished one; otherwise creates a new one. */
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
  if (unfinished === undefined) return beginRun(coordinator, config, dataDirectory, { signal });
  return isSettled(unfinished) ? coordinator.resumeRun(unfinished.id, { signal }) : unfinished;
}

/** Creates a run and records its configuration. Its id is generated unless it is given. */
export async function beginRun(
  coordinator: Coordinator,
  config: ConfigFile,
  dataDirectory: string,
  { id, signal }: { id?: string | undefined; signal?: AbortSignal },
): Promise<Run> {
  const { text: configYaml, path, baseDirectory } = config;
  const run = await coordinator.createRun({ configYaml, configName: basename(path), baseDirectory, id }, signal);
  recordLaunch(dataDirectory, run.id, config);
  for (const { key, file, rows, dropped, truncated } of run.data) {
    if (dropped > 0) note(`data.${key}: ${dropped} of ${rows} rows of ${file} are too long and left out`);
    if (truncated > 0)
      note(`data.${key}: ${truncated} of ${rows} rows of ${file} are too long and truncated from the left`);
  }
  return run;
}
