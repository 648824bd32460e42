/**
 * Rules as a scorer: the main-thread side of worker.ts. It watches the worker's progress. If one completion takes too long (a
 * pattern that backtracks catastrophically), the thread is replaced, that item gets an error, and the rest of the batch is
 * scored.
 */
import { basename } from 'node:path';
import type { Outcome, ScoreItem, Scorer, ScorerDescription } from '@gapo/reward';
import { RpcError, underSignals } from '@gapo/rpc';
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
  /** The objective's name; overrides the file's. */
  readonly objective?: string | undefined;
  /** The time limit of one completion, in milliseconds. @default 1000 */
  readonly itemTimeoutMs?: number | undefined;
}

/**
 * Maximum number of calls waiting for the thread; further calls are rejected. A call has at most one batch, so this bounds
 * memory.
 */
const longestQueue = 64;

/** Progress checks per item time limit. */
const checksPerItem = 8;

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
   * Reads and checks a rules file.
   *
   * @throws UserError or ConfigError if it is invalid
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
        `${longestQueue} calls are waiting already; retry later, or run more replicas of this service`,
      );
    }
    const outcomes: Outcome[] = [];
    while (outcomes.length < items.length) {
      const rest = items
        .slice(outcomes.length)
        .map(({ prompt, completion, metadata, turns }) => ({ prompt, completion, metadata, turns }));
      const memory = progressMemory(rest.length);
      const { finished, stuck } = await this.#advance({ items: rest, memory }, signal);
      for (const score of memory.scores.subarray(0, finished)) outcomes.push(outcomeOf(score));
      if (stuck) {
        const problem = `the rules took longer than ${this.#itemTimeoutMs} ms; does a pattern backtrack catastrophically?`;
        outcomes.push({ problem, retryable: false });
      }
    }
    return outcomes;
  }

  async close(): Promise<void> {
    await this.#thread.close();
  }

  /** Runs a task until it ends or an item takes too long. Returns how many items are finished and whether the next is stuck. */
  async #advance(task: tasks.RulesTask, signal: AbortSignal): Promise<{ finished: number; stuck: boolean }> {
    const stuck = new AbortController();
    let stuckItem: number | undefined;
    const unwatch = watch(task.memory, this.#itemTimeoutMs, (item) => {
      stuckItem = item;
      stuck.abort();
    });
    try {
      await underSignals([signal, stuck.signal], (endThread) => this.#thread.run('score', task, { endThread }));
      return { finished: task.items.length, stuck: false };
    } catch (error) {
      signal.throwIfAborted();
      if (!stuck.signal.aborted) throw error;
      // If the item finished at the last moment, the next one is not stuck and starts over.
      const finished = Math.max(finishedItems(task.memory), 0);
      return { finished, stuck: finished === stuckItem };
    } finally {
      unwatch();
    }
  }
}

/** A measure is NaN if the rule has no answer with which to compare the completion. */
function outcomeOf(score: number): Outcome {
  if (!Number.isNaN(score)) return { score };
  return {
    problem: 'the prompt has no right answer; add one to answers, references or its metadata',
    retryable: false,
  };
}

/** Calls `onStuck` with the current item once `limitMs` have passed without a finished item since the worker began the task. */
function watch(memory: ProgressMemory, limitMs: number, onStuck: (item: number) => void): () => void {
  let last = finishedItems(memory);
  let since = performance.now();
  const timer = setInterval(
    () => {
      const now = finishedItems(memory);
      if (now !== last || now < 0) [last, since] = [now, performance.now()];
      else if (performance.now() - since >= limitMs) onStuck(now);
    },
    Math.max(1, limitMs / checksPerItem),
  );
  return () => clearInterval(timer);
}
