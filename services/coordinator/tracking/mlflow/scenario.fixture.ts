/** The history of a run at MLflow: recorded, then the coordinator is killed, and a second process records the rest, twice. */
import { logger } from '@gapo/service';
import { afterTheKill, beforeTheKill, testRun, type TestRun } from '../trackedRun.fixture.js';
import { MlflowTracker } from './mlflowTracker.js';

const { signal } = new AbortController();

/** Records everything that a run has, as a process does that has just started. */
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
 * Plays the scenario. Its requests are always the same, apart from the ids that the server gives.
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
