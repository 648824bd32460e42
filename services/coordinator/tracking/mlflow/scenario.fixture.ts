/** The history of a run in MLflow: one process records part of it and is killed; a second process records the rest, twice. */
import { logger } from '@gapo/service';
import { afterTheKill, beforeTheKill, testRun, type TestRun } from '../trackedRun.fixture.js';
import { MlflowTracker } from './mlflowTracker.js';

const { signal } = new AbortController();

/** Records everything that a run has, as a newly started process does. */
export async function recordAll(run: TestRun, url: string, experiment: string): Promise<void> {
  const tracker = new MlflowTracker({ url, experiment, log: logger('test') });
  try {
    const session = await tracker.open(run, signal);
    await session.write(run.events, signal);
  } finally {
    await tracker.close();
  }
}

/**
 * Plays the scenario. Its requests are always the same, apart from the ids assigned by the server.
 *
 * @param directory for the run's files
 */
export async function playScenario(url: string, directory: string): Promise<TestRun> {
  const run = testRun(directory);
  beforeTheKill(run);
  await recordAll(run, url, 'recorded');
  afterTheKill(run);
  await recordAll(run, url, 'recorded');
  await recordAll(run, url, 'recorded');
  return run;
}
