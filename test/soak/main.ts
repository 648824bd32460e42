/** `make soak`: trains a tiny policy for thousands of steps on real processes and measures their memory, descriptors and data. */
import { median } from '@gapo/numeric';
import { connect } from '@gapo/rpc';
import { UserError, z } from '@gapo/service';
import { runYaml } from '../platform.fixture.js';
import type { ProcessPlatform } from '../processes/platform.js';
import { programSettings, runProgram, say, type Findings } from '../processes/program.js';
import { runToTheEnd } from '../processes/runToTheEnd.js';
import { startSmallPlatform } from '../processes/smallPlatform.js';
import { tableOf } from '../processes/table.js';
import { sampleOf, dataKinds, type Sample } from './samples.js';
import { dataRows, mebibytes, processRows, soakChecks, type DataRow, type ProcessRow } from './verdict.js';

const settings = programSettings({ STEPS: z.coerce.number().int().min(30).default(10_000) });

const runId = 'soak';
const samples = 150;
const progressMs = 10_000;
const hangMs = 5 * 60_000;
/**
 * Settings that keep garbage collectors from hiding a leak: V8's young generation, which would vary by 30 MiB, has a fixed size, and NATS has a memory
 * limit, as in the chart. The stream reaches its size limit within the first third; from then on each event replaces an older one. NATS also remembers the
 * ids of events for two minutes, so a run has to last much longer than that.
 */
const nodeOptions = ['--min-semi-space-size=8', '--max-semi-space-size=8'];
const stream = { NATS_STREAM_MAX_BYTES: String(2 << 20) };
const env = { nats: { GOMEMLIMIT: '32MiB' }, coordinator: stream, gateway: stream };
/** Few and short completions: the soak measures what a step leaves behind, not its arithmetic. */
const tiny = { promptsPerStep: 2, samplesPerPrompt: 2, maxNewTokens: 4, shards: 2 };

/** Trains the run. Returns the samples and the duration of each step in seconds. */
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

/** Follows the run as the page does, so that the gateway has work to do. */
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

async function measure(): Promise<Findings> {
  const { workspace, platform, root, ended } = await startSmallPlatform('soak', { env, nodeOptions });
  const begin = performance.now();
  const { taken, seconds } = await soak(platform, workspace.directory).finally(() => platform.stop());
  const wall = (performance.now() - begin) / 1000;
  await workspace.remove();
  const [processes, data] = [processRows(taken), dataRows(taken)];
  const medianSeconds = median(seconds);
  const text = [
    `${processTable(processes, wall)}\n`,
    `${dataTable(data)}\n`,
    `${settings.STEPS} steps in ${wall.toFixed(0)} s, median ${medianSeconds.toFixed(3)} s, ${taken.length} samples`,
  ].join('\n');
  return {
    checks: soakChecks(processes, data, ended),
    data: { steps: settings.STEPS, seconds: wall, medianSeconds, processes, data },
    text,
    root,
  };
}

await runProgram(measure);
