/** A classifier as a scorer: the main thread's half of worker.ts. */
import { RpcError } from '@gapo/rpc';
import { UserError } from '@gapo/telemetry';
import type { Outcome, ScoreItem, Scorer, ScorerDescription } from '@gapo/reward';
import { ScoringThread } from '../scoringThread.js';
import type { ClassifierAnswer, ClassifierTask, ClassifierThreadData } from './worker.js';

/** Options of {@link ClassifierScorer.open}. */
export interface ClassifierOptions {
  /** The classifier's directory. */
  readonly directory: string;
  /** Threads of the runtime within an operator. */
  readonly threads: number;
  /** The objective's name, in place of the one in config.json. */
  readonly objective?: string | undefined;
}

/** Scores with a classifier in a worker thread. */
export class ClassifierScorer implements Scorer {
  readonly description: ScorerDescription;
  private readonly thread: ScoringThread<ClassifierTask, ClassifierAnswer>;

  private constructor(thread: ScoringThread<ClassifierTask, ClassifierAnswer>, description: ScorerDescription) {
    this.thread = thread;
    this.description = description;
  }

  /**
   * Opens and checks a directory in its thread.
   * @throws UserError that says what is wrong with the directory.
   */
  static async open({ directory, threads, objective }: ClassifierOptions): Promise<ClassifierScorer> {
    const data: ClassifierThreadData = { directory, threads };
    const thread = new ScoringThread<ClassifierTask, ClassifierAnswer>(new URL('./worker.js', import.meta.url), data);
    try {
      const opened = await thread.run({ kind: 'open' });
      if (opened.kind !== 'opened') throw new UserError(problemOf(opened));
      const { name, version, config } = opened;
      const chosen = objective ?? config.objective;
      if (chosen === undefined) {
        throw new UserError(
          `${directory}/config.json: names no objective; set OBJECTIVE=name or add "gapo_reward": {"objective": "name"}`,
        );
      }
      const { orientation, minimum, maximum, threshold, maxTokens } = config;
      return new ClassifierScorer(thread, {
        objective: chosen,
        model: `onnx: ${name}`,
        version,
        orientation,
        minimum,
        maximum,
        threshold,
        maxTokens,
      });
    } catch (error) {
      await thread.close();
      throw error;
    }
  }

  async score(items: readonly ScoreItem[], signal: AbortSignal): Promise<readonly Outcome[]> {
    const cancelled = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    // A flag and not the thread's end: the session would have to be opened again.
    const cancel = (): void => void Atomics.store(cancelled, 0, 1);
    signal.addEventListener('abort', cancel, { once: true });
    try {
      signal.throwIfAborted();
      const answer = await this.thread.run({ kind: 'score', items, cancelled });
      if (answer.kind === 'scored') {
        // A thread that died has opened the directory anew: its scores must not pass for those of another model.
        if (answer.version === this.description.version) return answer.outcomes;
        throw new RpcError('FAILED_PRECONDITION', "the model's files changed since the start; restart the service");
      }
      signal.throwIfAborted();
      throw new RpcError('UNAVAILABLE', problemOf(answer));
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  async close(): Promise<void> {
    await this.thread.close();
  }
}

function problemOf(answer: ClassifierAnswer): string {
  return answer.kind === 'refused' ? answer.problem : `the classifier's thread answered '${answer.kind}'`;
}
