/** Runs in the session thread: the classifiers of the process, one run at a time. */
import { workerData } from 'node:worker_threads';
import type { SessionOptions } from '@gapo/graph';
import { type Outcome, outcome } from '@gapo/service';
import { Classifier } from './classifier.js';
import type { ClassifierConfig } from './classifierConfig.js';
import type { Feeds } from './feeds.js';

const classifiers = new Map<string, Promise<Classifier>>();

/** Returns a classifier, opening it at its first use in this thread. */
async function classifierIn(directory: string): Promise<Classifier> {
  let opening = classifiers.get(directory);
  if (opening === undefined) {
    opening = Classifier.open(directory, workerData as SessionOptions);
    classifiers.set(directory, opening);
    opening.catch(() => classifiers.delete(directory));
  }
  return opening;
}

/** Opens a classifier and returns its version and configuration. */
export function open(directory: string): Promise<Outcome<{ version: string; config: ClassifierConfig }>> {
  return outcome(async () => {
    const { version, config } = await classifierIn(directory);
    return { version, config };
  });
}

/** Runs a classifier. */
export function run({ directory, feeds }: { directory: string; feeds: Feeds }): Promise<Outcome<SessionScores>> {
  return outcome(async () => {
    const classifier = await classifierIn(directory);
    return { version: classifier.version, scores: await classifier.score(feeds) };
  });
}

/** A run's scores, one per row, and the version that computed them. */
export interface SessionScores {
  readonly version: string;
  readonly scores: Float64Array;
}
