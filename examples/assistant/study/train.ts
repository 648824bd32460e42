/** Trains, averages and evaluates the policies of a seed in sequence, and skips those that are complete. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { standardDeviation } from '@gapo/numeric';
import { stateWord, type EvaluationReportJson, type RunJson, type WatchRunResponseJson } from '@gapo/rpc';
import { contentId, plannedRun, promptsOf, sourcesSha256, type PlannedRun } from './configuration.js';
import type { Services } from './gapo.js';
import {
  averagedMethods,
  harmlessOnly,
  helpfulOnly,
  lagrangianMethod,
  parts,
  type Part,
  type TrainedMethod,
} from './methods.js';
import { overRefusalOf, type Kinds } from './overRefusal.js';
import { meanBefore, type Evaluated, type ObjectiveResult, type Result, type ResultFile } from './results.js';
import { StudyError, type StudySettings } from './settings.js';

/** Steps between two progress lines. */
const sayEvery = 20;

/** The context of the study. */
export interface Session {
  settings: StudySettings;
  services: Pick<Services, 'call'>;
  results: ResultFile;
  /** What kind of request each held-out prompt is. */
  kinds: Kinds;
  say: (text: string) => void;
  /** Aborted at Ctrl-C. */
  signal: AbortSignal;
}

/** Trains and evaluates everything. Returns the results of this study, seed by seed, in the order of the methods. */
export async function trainAll(session: Session): Promise<Result[]> {
  const { settings } = session;
  const all = settings.parts.flatMap((name) => parts[name]);
  const runs = all.reduce((sum, { methods, derived }) => sum + methods.length + (derived ? 1 : 0), 0);
  const pace = new Pace(
    settings.seeds.length * runs * settings.steps,
    Math.min(settings.parallel, settings.seeds.length),
  );
  const left = [...settings.seeds.entries()];
  const bySeed: Result[][] = settings.seeds.map(() => []);
  // Each takes the next seed until none is left. The first failure stops the others before their next run.
  const failed = new AbortController();
  const one = { ...session, signal: AbortSignal.any([session.signal, failed.signal]) };
  const trainSeeds = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [i, seed] = next;
      for (const part of all) bySeed[i]?.push(...(await trainPart(one, part, seed, pace)));
    }
  };
  const ends = await Promise.allSettled(
    Array.from({ length: settings.parallel }, () =>
      trainSeeds().catch((error: unknown) => {
        failed.abort(error);
        throw error;
      }),
    ),
  );
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure !== undefined) throw failed.signal.aborted ? failed.signal.reason : failure.reason;
  return bySeed.flat();
}

async function trainPart(session: Session, part: Part, seed: number, pace: Pace): Promise<Result[]> {
  const { condition } = part;
  const sources = sourcesSha256(condition.example);
  const data = promptsOf(condition, session.settings.data);
  const results: Result[] = [];
  const add = async (method: TrainedMethod): Promise<void> => {
    const { key, group, share } = method;
    const { id, configuration } = plannedRun(method, condition, seed, session.settings.steps, sources);
    const own = { id, configuration: { ...configuration, ...data } };
    const found = await trained(session, `seed ${seed}, ${condition.key}, ${key}`, own, pace);
    results.push({ ...found, condition, key, group, share, seed });
  };
  for (const method of part.methods) await add(method);
  if (!part.derived) return results;
  const single = (key: string): Result => {
    const found = results.find((result) => result.key === key);
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
    const found = await averaged(session, contentId(key, seed, ingredients), ingredients, `seed ${seed}, ${key}`);
    results.push({ ...found, condition, key, group, share, seed });
  }
  return results;
}

async function trained(session: Session, what: string, planned: PlannedRun, pace: Pace): Promise<Evaluated> {
  const { say, settings } = session;
  const known = await knownResult(session, what, planned.id);
  if (known !== undefined) {
    pace.skip(settings.steps);
    return known;
  }
  session.signal.throwIfAborted();
  say(`${what}: training (${pace.left()})`);
  const trainingSeconds = await train(session, what, planned, pace);
  const result = await evaluated(session, planned.id, trainingSeconds);
  say(`${what}: ${result.objectives.map(({ name, after }) => `${name} ${show(after?.mean ?? null)}`).join(', ')}`);
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
    const { run, step } = value as WatchRunResponseJson;
    if (run?.state === 'RUN_STATE_PAUSED') say(`${what}: paused: ${run.reason}`);
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
  what: string,
): Promise<Evaluated> {
  const known = await knownResult(session, what, id);
  if (known !== undefined) return known;
  session.signal.throwIfAborted();
  session.say(`${what}: averaging`);
  const runs = (await session.services.call(['runs'])) as RunJson[];
  if (!runs.some((run) => run.id === id)) {
    await session.services.call(['soup', ...ingredients.map(([run, weight]) => `${run}=${weight}`), '--id', id]);
  }
  return evaluated(session, id, 0);
}

/**
 * Returns the result of a run that is complete. Results of earlier releases lack the over-refusal: such a run is evaluated
 * again, unless its directory is gone.
 */
async function knownResult(session: Session, what: string, id: string): Promise<Evaluated | undefined> {
  const known = session.results.get(id);
  if (known === undefined || known.overRefusal !== undefined) return known;
  session.signal.throwIfAborted();
  const runs = (await session.services.call(['runs'])) as RunJson[];
  if (!runs.some((run) => run.id === id)) {
    session.say(`${what}: run ${id} is gone, its over-refusal is not measured`);
    return known;
  }
  session.say(`${what}: evaluating again, for over-refusal`);
  return evaluated(session, id, known.trainingSeconds);
}

async function evaluated(session: Session, run: string, trainingSeconds: number): Promise<Evaluated> {
  session.signal.throwIfAborted();
  const { services, kinds, results } = session;
  const report = (await services.call(['eval', run, '--samples', `${kinds.size}`])) as EvaluationReportJson;
  const { prompts, samples } = report;
  const objectives = report.objectives.map(({ name, before, after }, k): ObjectiveResult => {
    if (typeof before?.mean !== 'number' || typeof after?.mean !== 'number')
      throw new StudyError(`the evaluation of ${run} has no mean for ${name}`);
    const scores = samples.map(({ scoresBefore }) => scoresBefore[k] ?? NaN);
    return { name, before, after, deviationBefore: standardDeviation(scores) };
  });
  const result: Evaluated = { run, prompts, objectives, overRefusal: overRefusalOf(samples, kinds), trainingSeconds };
  results.add(result);
  return result;
}

const show = (value: number | null): string => (value === null ? 'n/a' : value.toFixed(3));

/** Estimates the training time left from the mean duration of steps. */
class Pace {
  readonly #parallel: number;
  #left: number;
  #steps = 0;
  #seconds = 0;

  /** @param parallel runs that step at a time */
  constructor(steps: number, parallel: number) {
    this.#left = steps;
    this.#parallel = parallel;
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
    const minutes = (this.#left * this.#seconds) / this.#steps / this.#parallel / 60;
    return `${this.#left} steps in all, about ${Math.ceil(minutes)} min`;
  }
}
