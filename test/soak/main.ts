/** make soak: trains a tiny policy for thousands of steps on real processes, and measures what each of them takes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from '@gapo/numeric';
import { connect } from '@gapo/rpc';
import { UserError, z } from '@gapo/service';
import { makeWorkspace, runYaml } from '../platform.fixture.js';
import { startProcesses, type ProcessPlatform } from '../processes/platform.js';
import { runToTheEnd } from '../processes/runToTheEnd.js';
import { tableOf } from '../processes/table.js';
import { sampleOf, dataKinds, type Sample } from './samples.js';
import { dataRows, mebibytes, processRows, soakChecks, type DataRow, type ProcessRow } from './verdict.js';

const settings = z
  .object({
    STEPS: z.coerce.number().int().min(30).default(3000),
    JSON: z.string().optional(),
    KEEP: z.string().optional(),
  })
  .parse(Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== '')));

const say = (text: string): void => void process.stderr.write(`${text}\n`);

const runId = 'soak';
const samples = 150;
const progressMs = 10_000;
const hangMs = 5 * 60_000;
/** A step of few and short completions: what is measured is what a step leaves behind, not its arithmetic. */
const tiny = { promptsPerStep: 2, samplesPerPrompt: 2, maxNewTokens: 4, shards: 2 };

/** Trains the run, and returns the samples and the seconds of each step. */
async function soak(platform: ProcessPlatform, baseDirectory: string): Promise<{ taken: Sample[]; seconds: number[] }> {
  const { STEPS: steps } = settings;
  const rollout = `{ ${Object.entries(tiny)
    .map(([key, value]) => `${key}: ${value}`)
    .join(', ')} }`;
  const configYaml = runYaml({ steps: String(steps), rollout, optimizer: '{ learningRate: 1e-4 }' });
  const training = connect('gapo.training.v1.TrainingService', platform.coordinator);
  const page = watchAsPage(platform);
  const taken: Sample[] = [];
  const seconds: number[] = [];
  const every = Math.max(Math.floor(steps / samples), 1);
  const begin = performance.now();
  let said = begin;
  try {
    await training.CreateRun({ configYaml, baseDirectory, runId }, { deadlineMs: 60_000 });
    page.start();
    await runToTheEnd(training, runId, hangMs, ({ step }) => {
      if (!step) return;
      seconds.push(step.seconds);
      if (step.step % every === 0) taken.push(sampleOf(platform, runId, step.step));
      const now = performance.now();
      if (now - said < progressMs && step.step < steps) return;
      said = now;
      const left = ((now - begin) / 1000 / step.step) * (steps - step.step);
      say(
        `step ${step.step} of ${steps}, ${median(seconds.slice(-every)).toFixed(2)} s a step, ${Math.ceil(left)} s left`,
      );
    });
  } finally {
    await page.stop();
    training.close();
  }
  return { taken, seconds };
}

/** Follows the run as the page does, so that the gateway has something to do. */
function watchAsPage({ page }: ProcessPlatform): { start: () => void; stop: () => Promise<void> } {
  const stopping = new AbortController();
  let reading: Promise<void> = Promise.resolve();
  const read = async (): Promise<void> => {
    const response = await fetch(`${page}api/runs/${runId}/events`, { signal: stopping.signal });
    if (!response.ok || response.body === null) throw new UserError(`the gateway answers ${response.status}`);
    for await (const chunk of response.body) void chunk;
  };
  return {
    start: () => {
      reading = read().catch((error: unknown) => {
        if (!stopping.signal.aborted) throw error;
      });
    },
    stop: () => {
      stopping.abort();
      return reading;
    },
  };
}

function processTable(rows: readonly ProcessRow[], seconds: number): string {
  const heads = ['process', 'MiB: first', 'middle', 'last third', 'change', 'descriptors', 'CPU'];
  const cells = rows.map(({ process, residentBytes, descriptors: [, middle, last], cpuSeconds }) => [
    process,
    ...residentBytes.map((bytes) => (bytes / (1 << 20)).toFixed(1)),
    `${(100 * (residentBytes[2] / residentBytes[1] - 1)).toFixed(1)} %`,
    middle === last ? String(last) : `${middle}, ${last}`,
    `${((100 * cpuSeconds) / seconds).toFixed(0)} %`,
  ]);
  return tableOf([heads, ...cells]);
}

function dataTable(rows: readonly DataRow[]): string {
  const heads = ['data', 'MiB: first', 'middle', 'last third', 'bytes a step', 'holds'];
  const cells = rows.map(({ kind, bytes, bytesPerStep, perStep }) => [
    kind,
    ...bytes.map(mebibytes),
    perStep ? bytesPerStep.toFixed(0) : 'bounded',
    dataKinds[kind].holds,
  ]);
  return tableOf([heads, ...cells]);
}

async function main(): Promise<number> {
  const root = mkdtempSync(join(tmpdir(), 'gapo-soak-'));
  const workspace = await makeWorkspace();
  const ended: string[] = [];
  const platform = await startProcesses({
    root,
    projectDirectory: workspace.directory,
    rewardsFile: join(workspace.directory, 'rewards.yaml'),
    rolloutWorkers: 1,
    gradientWorkers: 1,
    gateway: true,
    ended: (service, how) => ended.push(`${service}: ${how}`),
  });
  const begin = performance.now();
  const { taken, seconds } = await soak(platform, workspace.directory).finally(() => platform.stop());
  const wall = (performance.now() - begin) / 1000;
  const [processes, data] = [processRows(taken), dataRows(taken)];
  const checks = soakChecks(processes, data, ended);
  const passed = checks.filter(({ problem }) => problem === undefined).length;
  const failed = checks.length - passed;
  const medianSeconds = median(seconds);
  if (settings.JSON !== undefined) {
    console.log(
      JSON.stringify({ steps: settings.STEPS, seconds: wall, medianSeconds, processes, data, checks, passed, failed }),
    );
  } else {
    console.log(`\n${processTable(processes, wall)}\n\n${dataTable(data)}\n`);
    console.log(
      `${settings.STEPS} steps in ${wall.toFixed(0)} s, median ${medianSeconds.toFixed(3)} s, ${taken.length} samples\n`,
    );
    for (const { name, problem } of checks)
      console.log(problem === undefined ? `ok    ${name}` : `FAIL  ${name}: ${problem}`);
    console.log(`${passed} passed, ${failed} failed`);
  }
  await workspace.remove();
  if (failed === 0 && settings.KEEP === undefined) rmSync(root, { recursive: true, force: true });
  else say(`data and logs are in ${root}`);
  return failed === 0 ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
try {
  process.exitCode = await main();
} catch (error) {
  say(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  console.log('0 passed, 1 failed');
  process.exitCode = 1;
}
