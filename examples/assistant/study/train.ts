/** Trains, averages and evaluates the policies in sequence, and skips those that are complete. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stateWord, type EvaluationReportJson, type RunJson, type WatchRunResponseJson } from '@gapo/rpc';
import { contentId, plannedRun, sourcesSha256, type PlannedRun } from './configuration.js';
import type { Services } from './gapo.js';
import {
  averagedMethods,
  harmlessOnly,
  helpfulOnly,
  lagrangianMethod,
  trainedMethods,
  type TrainedMethod,
} from './methods.js';
import { meanBefore, type ObjectiveResult, type Result, type ResultFile } from './results.js';
import { StudyError, type StudySettings } from './settings.js';

/** Steps between two progress lines. */
const sayEvery = 20;

/** The context of the study. */
export interface Session {
  settings: StudySettings;
  services: Services;
  results: ResultFile;
  say: (text: string) => void;
  /** Aborted at Ctrl-C. */
  signal: AbortSignal;
}

/** Trains and evaluates everything. Returns the results of this study, in the order of the methods, seed by seed. */
export async function trainAll(session: Session): Promise<Result[]> {
  const { settings } = session;
  const sources = sourcesSha256();
  const methods = trainedMethods();
  const pace = new Pace(settings.seeds.length * (methods.length + 1) * settings.steps);
  const results: Result[] = [];
  for (const seed of settings.seeds) {
    const add = async (method: TrainedMethod): Promise<void> => {
      const planned = plannedRun(method, seed, settings.steps, sources);
      results.push(await trained(session, method, seed, planned, pace));
    };
    for (const method of methods) await add(method);
    const single = (key: string): Result => {
      const found = results.find((result) => result.seed === seed && result.key === key);
      if (found === undefined) throw new Error(`the study has no ${key}`);
      return found;
    };
    const [helpful, harmless] = [single(helpfulOnly), single(harmlessOnly)];
    await add(lagrangianMethod(meanBefore(helpful, 'harmless')));
    for (const { key, group, share } of averagedMethods) {
      const ingredients = [
        [helpful.run, share],
        [harmless.run, Number((1 - share).toFixed(12))],
      ] as const;
      const id = contentId(key, seed, ingredients);
      results.push(await averaged(session, id, ingredients, { key, group, share, seed }));
    }
  }
  return results;
}

async function trained(
  session: Session,
  method: TrainedMethod,
  seed: number,
  planned: PlannedRun,
  pace: Pace,
): Promise<Result> {
  const { results, say, settings } = session;
  const known = results.get(planned.id);
  if (known !== undefined) {
    pace.skip(settings.steps);
    return known;
  }
  session.signal.throwIfAborted();
  const { key, group, share } = method;
  say(`seed ${seed}, ${key}: training (${pace.left()})`);
  const trainingSeconds = await train(session, `seed ${seed}, ${key}`, planned, pace);
  const result = await evaluated(session, { run: planned.id, key, group, share, seed, trainingSeconds });
  say(
    `seed ${seed}, ${key}: ${result.objectives.map(({ name, after }) => `${name} ${show(after?.mean ?? null)}`).join(', ')}`,
  );
  return result;
}

/** Trains a run to its end, resuming it if necessary. Returns the wall seconds of its steps. */
async function train(
  { settings, services, say }: Session,
  what: string,
  { id, configuration }: PlannedRun,
  pace: Pace,
): Promise<number> {
  const runs = (await services.call(['runs'])) as RunJson[];
  const present = runs.find((run) => run.id === id);
  const seconds = new Map<number, number>();
  const onLine = (value: unknown): void => {
    const { step } = value as WatchRunResponseJson;
    if (step === undefined || step.seconds === null) return;
    if (step.step > (present?.step ?? 0)) pace.step(step.seconds);
    seconds.set(step.step, step.seconds);
    if (step.step % sayEvery === 0 && step.step < settings.steps)
      say(`${what}: step ${step.step} of ${settings.steps} (${pace.left()})`);
  };
  pace.skip(present?.step ?? 0);
  if (present === undefined) {
    const directory = join(settings.data, 'configurations');
    mkdirSync(directory, { recursive: true });
    const file = join(directory, `${id}.yaml`);
    writeFileSync(file, `${JSON.stringify(configuration, null, 2)}\n`);
    await services.call(['train', file, '--id', id, '--watch', '--data', settings.data], onLine);
  } else {
    if (present.state === 'RUN_STATE_PAUSED' || present.state === 'RUN_STATE_FAILED')
      await services.call(['resume', id]);
    await services.call(['watch', id], onLine);
  }
  const { state, step } = ((await services.call(['runs'])) as RunJson[]).find((run) => run.id === id) ?? {};
  if (state !== 'RUN_STATE_SUCCEEDED')
    throw new StudyError(
      `run ${id} is ${stateWord(state ?? 'unknown')} at step ${step}: see it with \`gapo runs\`, then call the study again`,
    );
  return [...seconds.values()].reduce((sum, each) => sum + each, 0);
}

async function averaged(
  session: Session,
  id: string,
  ingredients: readonly (readonly [string, number])[],
  who: Pick<Result, 'key' | 'group' | 'share' | 'seed'>,
): Promise<Result> {
  const known = session.results.get(id);
  if (known !== undefined) return known;
  session.signal.throwIfAborted();
  session.say(`seed ${who.seed}, ${who.key}: averaging`);
  const runs = (await session.services.call(['runs'])) as RunJson[];
  if (!runs.some((run) => run.id === id)) {
    await session.services.call(['soup', ...ingredients.map(([run, weight]) => `${run}=${weight}`), '--id', id]);
  }
  return evaluated(session, { run: id, ...who, trainingSeconds: 0 });
}

async function evaluated(session: Session, who: Omit<Result, 'prompts' | 'objectives'>): Promise<Result> {
  session.signal.throwIfAborted();
  const report = (await session.services.call(['eval', who.run, '--samples', '0'])) as EvaluationReportJson;
  const objectives = report.objectives.map(({ name, before, after }): ObjectiveResult => {
    if (typeof before?.mean === 'number' && typeof after?.mean === 'number') return { name, before, after };
    throw new StudyError(`the evaluation of ${who.run} has no mean for ${name}`);
  });
  const result: Result = { ...who, prompts: report.prompts, objectives };
  session.results.add(result);
  return result;
}

const show = (value: number | null): string => (value === null ? 'n/a' : value.toFixed(3));

/** Estimates the training time left from the mean duration of steps. */
class Pace {
  #left: number;
  #steps = 0;
  #seconds = 0;

  constructor(steps: number) {
    this.#left = steps;
  }

  skip(steps: number): void {
    this.#left -= steps;
  }

  step(seconds: number): void {
    this.#left -= 1;
    this.#steps += 1;
    this.#seconds += seconds;
  }

  left(): string {
    if (this.#steps === 0) return `${this.#left} steps in all`;
    const minutes = (this.#left * this.#seconds) / this.#steps / 60;
    return `${this.#left} steps in all, about ${Math.ceil(minutes)} min`;
  }
}
