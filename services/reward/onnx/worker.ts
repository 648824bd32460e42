/** The worker thread that owns a classifier: its tokenizer and its session live here, away from the event loop. */
import { workerData } from 'piscina';
import { isExpected } from '@gapo/telemetry';
import type { Outcome, ScoreItem } from '@gapo/reward';
import { Classifier } from './classifier.js';
import type { ClassifierConfig } from './classifierConfig.js';

/** What the thread is started with. */
export interface ClassifierThreadData {
  readonly directory: string;
  readonly threads: number;
}

/** What the thread is asked: nothing but to open the classifier, or to score. */
export type ClassifierTask =
  | { readonly kind: 'open' }
  | {
      readonly kind: 'score';
      readonly items: readonly ScoreItem[];
      /** One element, shared: not 0 once nobody waits any more. */
      readonly cancelled: Int32Array;
    };

/** What the thread answers. Errors for people cross the thread as text. */
export type ClassifierAnswer =
  | { readonly kind: 'opened'; readonly name: string; readonly version: string; readonly config: ClassifierConfig }
  | { readonly kind: 'refused'; readonly problem: string }
  | { readonly kind: 'scored'; readonly version: string; readonly outcomes: readonly Outcome[] }
  | { readonly kind: 'cancelled' };

let opening: Promise<Classifier> | undefined;

/** Answers one task. */
export default async function answer(task: ClassifierTask): Promise<ClassifierAnswer> {
  const { directory, threads } = workerData as ClassifierThreadData;
  let classifier: Classifier;
  try {
    classifier = await (opening ??= Classifier.open(directory, threads));
  } catch (error) {
    opening = undefined;
    if (isExpected(error)) return { kind: 'refused', problem: error.message };
    throw error;
  }
  if (task.kind === 'open') {
    const { name, version, config } = classifier;
    return { kind: 'opened', name, version, config };
  }
  const { items, cancelled } = task;
  const outcomes = await classifier.score(items, () => Atomics.load(cancelled, 0) !== 0);
  return outcomes === undefined ? { kind: 'cancelled' } : { kind: 'scored', version: classifier.version, outcomes };
}
