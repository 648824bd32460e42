/** `make study`: runs the paper's methods on the example and writes docs/study.md. */
import { execFileSync } from 'node:child_process';
import { join, relative } from 'node:path';
import { writeAtomicallySync } from '@gapo/service';
import { exampleConfiguration } from './configuration.js';
import { studyDocument } from './document.js';
import { Services } from './gapo.js';
import { drawPlots } from './plots.js';
import { ResultFile } from './results.js';
import { help, projectRoot, readStudySettings, StudyError, type StudySettings } from './settings.js';
import { summarise } from './summary.js';
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
    results = await trainAll({ settings, services, results: file, say, signal: interrupted.signal });
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    process.exitCode = 130;
    return;
  } finally {
    interrupted.signal.removeEventListener('abort', stop);
    await services.stop();
  }
  const summary = summarise(results);
  const plots = await drawPlots(summary, results, settings);
  const path = join(settings.out, 'study.md');
  const { steps, command } = settings;
  writeAtomicallySync(path, studyDocument(summary, { steps, command, plots }));
  // Formatted like every other document of the project.
  execFileSync(process.execPath, [join(projectRoot, 'node_modules/prettier/bin/prettier.cjs'), '--write', path]);
  say(`wrote ${relative(projectRoot, path)}`);
}

try {
  const settings = readStudySettings(process.argv.slice(2), exampleConfiguration().steps);
  if (settings === undefined) process.stdout.write(`${help}\n`);
  else await study(settings);
} catch (error) {
  // An unknown option is a TypeError with a code.
  const known = error instanceof StudyError || (error instanceof TypeError && 'code' in error);
  say(error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error));
  process.exitCode = known ? 2 : 1;
}
