/** The worker thread that applies the rules: a pattern that never ends blocks only this thread. */
import { workerData } from 'node:worker_threads';
import type { ScoreItem } from '@gapo/reward';
import type { Outcome } from '@gapo/service';
import type { Measure, Rule } from './kinds/ruleKind.js';
import { compile } from './measure.js';
import { type ProgressMemory, begin, finish } from './progress.js';

/** Items to score, and the memory that receives the scores. */
export interface RulesTask {
  readonly items: readonly ScoreItem[];
  readonly memory: ProgressMemory;
}

let measure: Measure | undefined;

/** Scores the items in order. */
export async function score({ items, memory }: RulesTask): Promise<Outcome<void>> {
  measure ??= compile(workerData as readonly Rule[]);
  begin(memory);
  for (const [index, item] of items.entries()) finish(memory, index, measure(item));
  return { value: undefined };
}
