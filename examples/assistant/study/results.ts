/** The results, saved to DATA/study.json after every evaluation, so that an interrupted study resumes. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ObjectiveEvaluationJson } from '@gapo/rpc';
import { writeAtomicallySync } from '@gapo/service';
import type { Course } from './course.js';
import type { Condition } from './methods.js';
import type { OverRefusal } from './overRefusal.js';

/** The mean rewards of one objective, as `gapo eval --json` prints them. */
export interface ObjectiveResult extends Pick<ObjectiveEvaluationJson, 'name' | 'before' | 'after'> {
  /** The standard deviation of the starting policy's rewards over the held-out prompts. Results of earlier releases have none. */
  deviationBefore?: number;
}

/** A policy, evaluated. */
export interface Evaluated {
  run: string;
  prompts: number;
  objectives: ObjectiveResult[];
  /** Results of earlier releases have none. */
  overRefusal?: OverRefusal;
  /** Wall seconds of its training steps; 0 for an average. */
  trainingSeconds: number;
}

/** What a policy is in the study. */
export interface Place {
  condition: Condition;
  key: string;
  group: string;
  share: number | undefined;
  seed: number;
}

/** A policy of the study. A run that is part of several conditions has a result in each. */
export interface Result extends Evaluated, Place {
  /** How the run went; undefined for averages, and where its reports are gone. */
  course?: Course | undefined;
}

/** Evaluations by run. */
export class ResultFile {
  readonly #path: string;
  readonly #results: Map<string, Evaluated>;

  /** @param data the study's directory */
  constructor(data: string) {
    this.#path = join(data, 'study.json');
    const kept = existsSync(this.#path)
      ? (JSON.parse(readFileSync(this.#path, 'utf8')) as { results: Evaluated[] })
      : null;
    this.#results = new Map((kept?.results ?? []).map((result) => [result.run, result]));
  }

  get(run: string): Evaluated | undefined {
    return this.#results.get(run);
  }

  /** Saves an evaluation atomically. */
  add(result: Evaluated): void {
    this.#results.set(result.run, result);
    writeAtomicallySync(this.#path, `${JSON.stringify({ results: [...this.#results.values()] }, null, 2)}\n`);
  }
}

/** Returns an objective's mean reward after training; NaN if unknown. */
export function meanAfter({ objectives }: Evaluated, name: string): number {
  return objectives.find((each) => each.name === name)?.after?.mean ?? NaN;
}

/** Returns an objective's mean reward of the starting policy. */
export function meanBefore({ objectives }: Evaluated, name: string): number {
  return objectives.find((each) => each.name === name)?.before?.mean ?? NaN;
}
