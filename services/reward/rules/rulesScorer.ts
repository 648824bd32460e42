/**
 * Rules as a scorer: the main thread's half of worker.ts. It watches how far the thread has come; where one completion
 * takes too long (a pattern that backtracks without end) the thread is replaced, that item gets an error, and the rest
 * of the batch goes on.
 */
import { basename } from 'node:path';
import type { Outcome, ScoreItem, Scorer, ScorerDescription } from '@gapo/reward';
import { RpcError } from '@gapo/rpc';
import { WorkerThread } from '@gapo/service';
import type { Rule } from './kinds/ruleKind.js';
import { scoreRange } from './measure.js';
import { type ProgressMemory, finishedItems, progressMemory } from './progress.js';
import { type Rules, readRules, rulesVersion } from './rulesFile.js';
import type * as tasks from './worker.js';

/** Options of {@link RulesScorer.open}. */
export interface RulesOptions {
  /** The YAML file. */
  readonly path: string;
  /** The objective's name, in place of the file's. */
  readonly objective?: string | undefined;
  /**
   * Milliseconds that one completion may take.
   * @default 1000
   */
  readonly itemTimeoutMs?: number | undefined;
}

/** Calls that wait for the thread before more are refused. A call holds at most one batch, so this bounds the memory. */
const longestQueue = 64;

/** Looks at the thread's progress in one item's time. */
const looksPerItem = 8;

/** Scores with rules in a worker thread. */
export class RulesScorer implements Scorer {
  readonly description: ScorerDescription;
  readonly #thread: WorkerThread<Pick<typeof tasks, 'score'>>;
  readonly #itemTimeoutMs: number;

  private constructor(rules: readonly Rule[], description: ScorerDescription, itemTimeoutMs: number) {
    this.description = description;
    this.#itemTimeoutMs = itemTimeoutMs;
    this.#thread = new WorkerThread(new URL('./worker.js', import.meta.url), rules);
  }

  /**
   * Reads and checks a file of rules.
   * @throws UserError or ConfigError that says what is wrong with it.
   */
  static async open({ path, objective, itemTimeoutMs = 1000 }: RulesOptions): Promise<RulesScorer> {
    const file: Rules = await readRules(path);
    const description: ScorerDescription = {
      objective: objective ?? file.objective,
      model: `rules: ${basename(path)}`,
      version: rulesVersion(file),
      orientation: file.orientation,
      ...scoreRange(file.rules),
      threshold: file.threshold,
      maxTokens: 0,
    };
    return new RulesScorer(file.rules, description, itemTimeoutMs);
  }

  async score(items: readonly ScoreItem[], signal: AbortSignal): Promise<readonly Outcome[]> {
    if (this.#thread.waiting >= longestQueue) {
      throw new RpcError(
        'RESOURCE_EXHAUSTED',
        `${longestQueue} calls wait already; call again later, or run more replicas of this service`,
      );
    }
    const outcomes: Outcome[] = [];
    while (outcomes.length < items.length) {
      const rest = items.slice(outcomes.length).map(({ prompt, completion }) => ({ prompt, completion }));
      const memory = progressMemory(rest.length);
      const { finished, stuck } = await this.#advance({ items: rest, memory }, signal);
      for (let index = 0; index < finished; index++) outcomes.push(outcomeOf(memory.scores[index] as number));
      if (stuck) outcomes.push({ problem: this.#tooSlow(), retryable: false });
    }
    return outcomes;
  }

  async close(): Promise<void> {
    await this.#thread.close();
  }

  #tooSlow(): string {
    return `the rules took longer than ${this.#itemTimeoutMs} ms; does a pattern backtrack without end?`;
  }

  /** Runs a task to its end, or to an item that takes too long. Says how many items are finished and whether the next is stuck. */
  async #advance(task: tasks.RulesTask, signal: AbortSignal): Promise<{ finished: number; stuck: boolean }> {
    const stuck = new AbortController();
    let stuckItem: number | undefined;
    const unwatch = watch(task.memory, this.#itemTimeoutMs, (item) => {
      stuckItem = item;
      stuck.abort();
    });
    try {
      await this.#thread.run('score', task, { endThread: AbortSignal.any([signal, stuck.signal]) });
      return { finished: task.items.length, stuck: false };
    } catch (error) {
      signal.throwIfAborted();
      if (!stuck.signal.aborted) throw error;
      // Where the item was finished at the last moment, the one after it is innocent and is begun anew.
      const finished = Math.max(finishedItems(task.memory), 0);
      return { finished, stuck: finished === stuckItem };
    } finally {
      unwatch();
    }
  }
}

/** A measure is NaN where the rule has nothing to measure the item by. */
function outcomeOf(score: number): Outcome {
  if (!Number.isNaN(score)) return { score };
  return { problem: 'there is no right answer for its prompt; add one to answers or references', retryable: false };
}

/** Calls back, with the item under way, once none has finished for so many milliseconds, counted from when the thread began the task. */
function watch(memory: ProgressMemory, limitMs: number, onStuck: (item: number) => void): () => void {
  let last = finishedItems(memory);
  let since = performance.now();
  const timer = setInterval(
    () => {
      const now = finishedItems(memory);
      if (now !== last || now < 0) [last, since] = [now, performance.now()];
      else if (performance.now() - since >= limitMs) onStuck(now);
    },
    Math.max(1, limitMs / looksPerItem),
  );
  return () => clearInterval(timer);
}
