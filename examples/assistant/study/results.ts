/** The results, saved to DATA/study.json after every evaluation, so that an interrupted study resumes. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ObjectiveEvaluationJson } from '@gapo/rpc';
import { writeAtomicallySync } from '@gapo/service';

/** The mean rewards of one objective, as `gapo eval --json` prints them. */
export type ObjectiveResult = Pick<ObjectiveEvaluationJson, 'name' | 'before' | 'after'>;

/** One policy, evaluated. */
export interface Result {
  run: string;
  key: string;
  group: string;
  share: number | undefined;
  seed: number;
  prompts: number;
  objectives: ObjectiveResult[];
  /** Wall seconds of its training steps; 0 for an average. */
  trainingSeconds: number;
}

/** Results by run. */
export class ResultFile {
  readonly #path: string;
  readonly #results: Map<string, Result>;

  /** @param data the study's directory */
  constructor(data: string) {
    this.#path = join(data, 'study.json');
    const kept = existsSync(this.#path)
      ? (JSON.parse(readFileSync(this.#path, 'utf8')) as { results: Result[] })
      : null;
    this.#results = new Map((kept?.results ?? []).map((result) => [result.run, result]));
  }

  get(run: string): Result | undefined {
    return this.#results.get(run);
  }

  /** Saves a result atomically. */
  add(result: Result): void {
    this.#results.set(result.run, result);
    writeAtomicallySync(this.#path, `${JSON.stringify({ results: [...this.#results.values()] }, null, 2)}\n`);
  }
}

/** Returns an objective's mean reward after training; NaN if unknown. */
export function meanAfter({ objectives }: Result, name: string): number {
  return objectives.find((each) => each.name === name)?.after?.mean ?? NaN;
}

/** Returns an objective's mean reward of the starting policy. */
export function meanBefore({ objectives }: Result, name: string): number {
  return objectives.find((each) => each.name === name)?.before?.mean ?? NaN;
}
