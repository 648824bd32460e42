/** The worker thread that applies the rules: a pattern that takes for ever holds up this thread and nothing else. */
import { workerData } from 'node:worker_threads';
import type { Outcome } from '@gapo/thread';
import { type Measure, compile } from './measure.js';
import { type ProgressMemory, begin, finish } from './progress.js';
import type { Rule } from './rulesFile.js';

/** Completions to score, and where the scores go. */
export interface RulesTask {
  readonly completions: readonly string[];
  readonly memory: ProgressMemory;
}

let measure: Measure | undefined;

/** Scores the completions in their order. */
export async function score({ completions, memory }: RulesTask): Promise<Outcome<void>> {
  measure ??= compile(workerData as readonly Rule[]);
  begin(memory);
  for (const [index, completion] of completions.entries()) finish(memory, index, measure(completion));
  return { value: undefined };
}
