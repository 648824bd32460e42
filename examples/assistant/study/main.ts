/** `make study`: trains the example with every method and condition and writes docs/study.md and docs/study-rewards.md. */
import { execFileSync } from 'node:child_process';
import { join, relative } from 'node:path';
import { at } from '@gapo/numeric';
import { writeAtomicallySync } from '@gapo/service';
import { exampleConfiguration } from './configuration.js';
import { courseOf } from './course.js';
import { studyDocument } from './document.js';
import { fourSummary } from './four.js';
import { Services } from './gapo.js';
import {
  fourCondition,
  loudConditions,
  paperCondition,
  poorConditions,
  whitenedCondition,
  type Condition,
  type PartName,
} from './methods.js';
import { movesOf } from './moves.js';
import { poorDocument } from './movesDocument.js';
import { readKinds } from './overRefusal.js';
import { drawPlots } from './plots.js';
import { ResultFile, type Result } from './results.js';
import type { Scope } from './scope.js';
import { help, projectRoot, readStudySettings, StudyError, type StudySettings } from './settings.js';
import { summarise, type Summary } from './summary.js';
import { trainAll } from './train.js';

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

async function study(settings: StudySettings): Promise<void> {
  const interrupted = new AbortController();
  const onSignal = (): void => interrupted.abort();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, onSignal);
  say('starting the services ...');
  const services = await Services.start(settings.data);
  const stop = (): void => {
    say('stopping after the step in progress; the same command resumes');
    void services.stop();
  };
  if (interrupted.signal.aborted) stop();
  else interrupted.signal.addEventListener('abort', stop);
  let results;
  try {
    const file = new ResultFile(settings.data);
    const kinds = readKinds(exampleConfiguration('run.yaml').data.heldOut);
    const trained = await trainAll({ settings, services, results: file, kinds, say, signal: interrupted.signal });
    results = trained.map((result): Result => {
      return { ...result, course: courseOf(join(settings.data, result.run, 'steps.jsonl')) };
    });
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    process.exitCode = 130;
    return;
  } finally {
    interrupted.signal.removeEventListener('abort', stop);
    await services.stop();
  }
  const { parts } = settings;
  if (parts.some((part) => part !== 'poor')) writePage('study.md', await paperPage(results, settings), settings);
  if (parts.includes('poor')) writePage('study-rewards.md', poorPage(results, settings), settings);
}

/** Returns the results under a condition: the one of the part, since parts may share a condition's runs. */
const under = (results: readonly Result[], condition: Condition): readonly Result[] =>
  results.filter((result) => result.condition === condition);

/** Returns on what results rest. */
function scopeOf(results: readonly Result[], { seeds }: StudySettings): Scope {
  const runs = new Map(results.map((result) => [result.run, result]));
  return {
    trainingSeconds: [...runs.values()].reduce((sum, each) => sum + each.trainingSeconds, 0),
    seeds,
    prompts: at(results, 0).prompts,
    soundingPrompts: results.find(({ overRefusal }) => overRefusal !== undefined)?.overRefusal?.prompts,
  };
}

async function paperPage(all: readonly Result[], settings: StudySettings): Promise<string> {
  const { steps, command } = settings;
  const results = all.filter(({ condition }) => !poorConditions.includes(condition));
  const summaryOf = (part: PartName, condition: Condition): Summary | undefined =>
    settings.parts.includes(part) ? summarise(under(results, condition)) : undefined;
  const paper = summaryOf('paper', paperCondition);
  const whitened = summaryOf('whitened', whitenedCondition);
  const plots: Record<string, { title: string; path: string }[]> = {};
  for (const summary of [paper, whitened]) {
    if (summary === undefined) continue;
    const { condition } = summary;
    plots[condition.key] = await drawPlots(summary, under(results, condition), settings);
  }
  return studyDocument(
    {
      paper,
      loudness: settings.parts.includes('loudness')
        ? movesOf(loudConditions.flatMap((condition) => under(results, condition)))
        : undefined,
      whitened,
      four: settings.parts.includes('four') ? fourSummary(under(results, fourCondition)) : undefined,
      ...scopeOf(results, settings),
    },
    { steps, command, plots },
  );
}

function poorPage(all: readonly Result[], settings: StudySettings): string {
  const results = poorConditions.flatMap((condition) => under(all, condition));
  return poorDocument({ methods: movesOf(results), ...scopeOf(results, settings) }, settings);
}

/** Writes a page, formatted like every other document of the project. */
function writePage(name: string, text: string, { out }: StudySettings): void {
  const path = join(out, name);
  writeAtomicallySync(path, text);
  execFileSync(process.execPath, [join(projectRoot, 'node_modules/prettier/bin/prettier.cjs'), '--write', path]);
  say(`wrote ${relative(projectRoot, path)}`);
}

try {
  const settings = readStudySettings(process.argv.slice(2), exampleConfiguration('run.yaml').steps);
  if (settings === undefined) process.stdout.write(`${help}\n`);
  else await study(settings);
} catch (error) {
  // An unknown option is a TypeError with a code.
  const known = error instanceof StudyError || (error instanceof TypeError && 'code' in error);
  say(error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error));
  process.exitCode = known ? 2 : 1;
}
