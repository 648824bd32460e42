/** Runs in the session thread: the classifiers of the process, one run at a time. */
import { workerData } from 'node:worker_threads';
import type { SessionOptions } from '@gapo/graph';
import { type Outcome, outcome } from '@gapo/service';
import type { RunProblem } from './batcher.js';
import { Classifier } from './classifier.js';
import type { Feeds } from './feeds.js';

const classifiers = new Map<string, Promise<Classifier>>();

/** Returns a classifier. Opens it on first use in this thread. */
async function classifierIn(directory: string): Promise<Classifier> {
  let opening = classifiers.get(directory);
  if (opening === undefined) {
    opening = Classifier.open(directory, workerData as SessionOptions);
    classifiers.set(directory, opening);
    opening.catch(() => classifiers.delete(directory));
  }
  return opening;
}

/** Opens a classifier and returns what its host needs. */
export function open(directory: string): Promise<Outcome<Pick<Classifier, 'config' | 'shape' | 'version'>>> {
  return outcome(async () => {
    const { version, config, shape } = await classifierIn(directory);
    return { version, config, shape };
  });
}

/** Runs a classifier. */
export function run({ directory, feeds }: { directory: string; feeds: Feeds }): Promise<Outcome<SessionScores>> {
  return outcome(async () => {
    const classifier = await classifierIn(directory);
    return { version: classifier.version, scores: await classifier.score(feeds) };
  });
}

/** A run's scores, one per row, or why the model cannot run; and the version that computed them. */
export interface SessionScores {
  readonly version: string;
  readonly scores: Float64Array | RunProblem;
}
