/**
 * make overhead: trains the example with telemetry or a tracker alternately on and off, and compares the steps of one run.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect } from '@gapo/rpc';
import { z } from '@gapo/service';
import { project } from '../platform.fixture.js';
import type { ProcessPlatform } from '../processes/platform.js';
import { programSettings, runProgram, say, type Findings } from '../processes/program.js';
import { startSmallPlatform } from '../processes/smallPlatform.js';
import { tableOf } from '../processes/table.js';
import { descendantsOf, usageOf } from '../processes/usage.js';
import { blockMs, blockOf, isOn, sideOf, type Block, type Step } from './blocks.js';
import { rounds, services } from './rounds.js';

const settings = programSettings({
  SECONDS: z.coerce.number().int().min(1).default(300),
  ROUND: z.enum(['telemetry', 'trackers']).default('telemetry'),
});

/** Maximum cost of either, as a share of a step. */
const mostOverhead = 0.02;
/** Seconds between activities of a round, such as scrapes. */
const lookSeconds = 5;

const directory = join(project, 'examples/assistant');

/** The CPU time used by all services, in seconds. */
function cpuOf(platform: ProcessPlatform): number {
  const roots = services.flatMap((name) => platform.services.get(name)?.pid ?? []);
  const all = roots.flatMap((pid) => [pid, ...descendantsOf(pid)]);
  return all.reduce((sum, pid) => sum + (usageOf(pid)?.cpuSeconds ?? 0), 0);
}

async function measure(): Promise<Findings> {
  const round = await rounds[settings.ROUND]();
  const { platform, workspace, root } = await startSmallPlatform('overhead', {
    another: { directory, rewardsFile: join(directory, 'rewards.yaml') },
    env: Object.fromEntries(services.map((name) => [name, round.env])),
    nodeOptions: ['--import', fileURLToPath(new URL('switch.js', import.meta.url))],
  });
  const training = connect('gapo.training.v1.TrainingService', platform.coordinator);
  const steps: Step[] = [];
  const blocks: Block[] = [];
  const watching = new AbortController();
  try {
    round.started(root);
    const yaml = readFileSync(join(directory, 'run.yaml'), 'utf8').replace(/^steps: .*$/m, 'steps: 100000');
    await training.CreateRun({ configYaml: yaml, baseDirectory: directory, runId: 'measured' }, { deadlineMs: 60_000 });
    const read = async (): Promise<void> => {
      const options = { deadlineMs: Infinity, signal: watching.signal };
      for await (const { step } of training.WatchRun({ runId: 'measured' }, options)) {
        if (step) steps.push({ at: Date.now(), seconds: step.seconds });
      }
    };
    const reading = read().catch((error: unknown) => {
      if (!watching.signal.aborted) throw error;
    });
    while (steps.length < 5) await Promise.race([delay(100), reading]);
    await untilNextBlock();
    round.ended(isOn(Date.now() - blockMs));
    const end = Date.now() + 1000 * settings.SECONDS;
    while (Date.now() < end) {
      const block = blockOf(Date.now());
      const before = cpuOf(platform);
      while (blockOf(Date.now()) === block) {
        await round.during(isOn(block * blockMs));
        await delay(Math.min(1000 * lookSeconds, (block + 1) * blockMs - Date.now()) + 1);
      }
      round.ended(isOn(block * blockMs));
      blocks.push({ block, cpuSeconds: cpuOf(platform) - before });
      say(`${blocks.length} blocks, ${steps.length} steps`);
    }
    await training.CancelRun({ runId: 'measured' }, { deadlineMs: 60_000 });
  } finally {
    watching.abort();
    training.close();
    await platform.stop();
    await workspace.remove();
    round.close();
  }
  const [on, off] = [sideOf(true, steps, blocks), sideOf(false, steps, blocks)];
  const overhead = on.cpuSecondsPerStep / off.cpuSecondsPerStep - 1;
  const rows = [
    ['', 'with', 'without', 'ratio'],
    ['steps within a block', String(on.steps), String(off.steps), ''],
    ...(['meanSeconds', 'medianSeconds', 'cpuSecondsPerStep'] as const).map((key) => [
      { meanSeconds: 'mean seconds', medianSeconds: 'median seconds', cpuSecondsPerStep: 'processor seconds' }[key],
      on[key].toFixed(3),
      off[key].toFixed(3),
      (on[key] / off[key]).toFixed(4),
    ]),
  ];
  const { problem, data, text } = round.findings();
  return {
    checks: [
      {
        name: `${round.what} takes less than ${100 * mostOverhead} % of a step's processor time`,
        problem: overhead < mostOverhead ? undefined : `it takes ${(100 * overhead).toFixed(1)} %`,
      },
      { name: `${round.what} was on and off in turn`, problem },
    ],
    data: { round: settings.ROUND, on, off, overhead, ...data, blocks: blocks.length },
    text: `${tableOf(rows)}\n\n${text}`,
    root,
  };
}

async function untilNextBlock(): Promise<void> {
  await delay(blockMs - (Date.now() % blockMs) + 1);
}

await runProgram(measure);
