// Runs the compiled tests: node test/run.mjs [--under DIRECTORY|FILE]... [--serial] The last line of output is 'N passed, N failed',
// followed by ', N skipped' if any were skipped.
//
// The compiled JavaScript is what ships, so it is what is tested. Node 20 does not expand globs: files are found here.
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { clearTimeout, setTimeout } from 'node:timers';
import { parseArgs } from 'node:util';
import { toolEnvironment } from '../deploy/local/testTools.mjs';
import { describeHangs, prepareReports } from './hangs.mjs';

/** Suites with a make target of their own: too slow for every commit. */
const slow = [
  'test/dist/bench',
  'test/dist/image',
  'test/dist/compose',
  'test/dist/operator',
  'test/dist/page',
  'test/dist/telemetry',
  'test/dist/trackers',
  'test/dist/e2e/packages.spec.js',
  'test/dist/e2e/preferenceData.spec.js',
  'test/dist/e2e/rewardWalkthrough.spec.js',
  'test/dist/oracle/torch',
];

const { values } = parseArgs({ options: { under: { type: 'string', multiple: true }, serial: { type: 'boolean' } } });

/** A compiled file's source. Files whose source was moved or deleted are not run. */
const sourceOf = (path) => path.replace('dist/', '').replace(/\.js$/, '.ts');

/** Folders of the root without tests: `runs` has the data of `make run`. */
const notSources = new Set(['.git', 'runs']);

async function specsUnder(directory) {
  if ((await stat(directory)).isFile()) return [directory];
  const files = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.name === 'node_modules' || notSources.has(path)) continue;
    if (entry.isDirectory()) files.push(...(await specsUnder(path)));
    else if (path.includes('dist/') && path.endsWith('.spec.js') && existsSync(sourceOf(path))) files.push(path);
  }
  return files.sort();
}

const chosen = values.under ?? ['.'];
const found = (await Promise.all(chosen.map(specsUnder))).flat();
const files = values.under === undefined ? found.filter((file) => !slow.some((path) => file.startsWith(path))) : found;
// Those that start whole platforms come first: at the end, short ones fill every core.
const startsPlatforms = (file) => /^(test|services\/cli)\//.test(file);
files.sort((a, b) => Number(startsPlatforms(b)) - Number(startsPlatforms(a)));
if (files.length === 0) {
  console.error(`no compiled test under ${chosen.join(', ')}: run 'npm run build' first`);
  process.exit(2);
}

// The environment takes precedence, for instance to set another helm.
for (const [name, value] of Object.entries(toolEnvironment())) process.env[name] ??= value;

const count = { passed: 0, failed: 0, skipped: 0 };
const skipped = [];
const running = new Map();
// Node 20 passes its own arguments on to the tests' processes, later versions those of the option.
const execArgv = ['propertySeed', 'hangs'].flatMap((name) => [
  '--import',
  new URL(`./${name}.mjs`, import.meta.url).href,
]);
process.execArgv.push(...execArgv);
// One more than cores, since tests wait for processes; at most 4, since a platform takes more than a gigabyte.
// --serial: one file at a time, for those that start servers which take the whole machine.
const concurrency = values.serial ? 1 : Math.min(availableParallelism() + 1, 4);
const reports = await prepareReports();
const stream = run({ files, concurrency, execArgv });
// Tests have no time limits, since machines differ in speed. A test that never ends is described here.
const silenceMs = Number(process.env.SILENCE_MINUTES ?? 7) * 60_000;
async function giveUp() {
  console.log(`no test has ended for ${silenceMs / 60_000} minutes`);
  for (const { file, name } of running.values()) console.log(`still running: ${name} (${relative('.', file)})`);
  for (const line of await describeHangs(reports.directory)) console.log(line);
  reports.remove();
  process.exit(1);
}
let watchdog;
function heard() {
  clearTimeout(watchdog);
  watchdog = setTimeout(() => void giveUp(), silenceMs);
}
heard();
/** Number of slow files that are listed at the end: all of them together have 20 minutes in CI. */
const shown = 20;
const keyOf = ({ file, line, name }) => `${file}:${line} ${name}`;
// A test's start is reported when it ends, or when its first subtest does.
stream.on('test:dequeue', (test) => {
  if (test.name !== test.file) running.set(keyOf(test), test);
});
/** Seconds that each file's tests took, without their imports. */
const secondsOf = new Map();
for (const end of ['test:pass', 'test:fail']) {
  stream.on(end, (test) => {
    running.delete(keyOf(test));
    heard();
    if (test.nesting > 0) return;
    secondsOf.set(test.file, (secondsOf.get(test.file) ?? 0) + test.details.duration_ms / 1000);
  });
}
stream.on('test:pass', ({ name, skip, details }) => {
  if (skip !== undefined) {
    // A skipped suite does not report its tests.
    count.skipped++;
    skipped.push(`${name}: ${skip}`);
  } else if (details.type !== 'suite') count.passed++;
});
stream.on('test:fail', ({ details }) => {
  if (details.type !== 'suite') count.failed++;
});
stream.compose(spec).pipe(process.stdout);
stream.on('end', () => {
  clearTimeout(watchdog);
  reports.remove();
  // The reporter writes its last lines after the stream ends.
  setImmediate(() => {
    const slowest = [...secondsOf].sort(([, a], [, b]) => b - a).slice(0, shown);
    for (const [file, seconds] of slowest) console.log(`${seconds.toFixed(1)} s  ${relative('.', file)}`);
    for (const line of skipped) console.log(`skipped ${line}`);
    const skips = count.skipped === 0 ? '' : `, ${count.skipped} skipped`;
    console.log(`${count.passed} passed, ${count.failed} failed${skips}`);
    process.exitCode = count.failed === 0 && count.passed > 0 ? 0 : 1;
  });
});
