/** make overhead: trains the example with traces, metrics and logs on and off in turn, and compares the steps of one run. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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

const settings = programSettings({ SECONDS: z.coerce.number().int().min(1).default(300) });

/** What telemetry may cost, as a share of a step. */
const mostOverhead = 0.02;
/** Seconds between two scrapes. */
const scrapeSeconds = 5;

const services = ['coordinator', 'rollout-1', 'gradient-1', 'reward-helpful', 'reward-harmless', 'gateway'];
const directory = join(project, 'examples/assistant');

/** Receives everything over OTLP, and counts it. */
async function startReceiver() {
  const received = { requests: 0, bytes: 0 };
  const server = createServer((request, response) => {
    received.requests += 1;
    request.on('data', (chunk: Buffer) => (received.bytes += chunk.length));
    // An empty message: everything was accepted.
    request.on('end', () => response.setHeader('content-type', 'application/x-protobuf').end());
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { received, url: `http://127.0.0.1:${port}`, close: () => server.close() };
}

/** The processor time that all services have taken, in seconds. */
function cpuOf(platform: ProcessPlatform): number {
  const roots = services.flatMap((name) => platform.services.get(name)?.pid ?? []);
  const all = roots.flatMap((pid) => [pid, ...descendantsOf(pid)]);
  return all.reduce((sum, pid) => sum + (usageOf(pid)?.cpuSeconds ?? 0), 0);
}

async function measure(): Promise<Findings> {
  const receiver = await startReceiver();
  const telemetry = {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    // Scraped instead, while telemetry is on.
    OTEL_METRICS_EXPORTER: 'none',
    LISTEN_METRICS: '127.0.0.1:0',
    BLOCK_SECONDS: String(blockMs / 1000),
  };
  const { platform, workspace, root } = await startSmallPlatform('overhead', {
    another: { directory, rewardsFile: join(directory, 'rewards.yaml') },
    env: Object.fromEntries(services.map((name) => [name, telemetry])),
    nodeOptions: ['--import', fileURLToPath(new URL('switch.js', import.meta.url))],
  });
  const training = connect('gapo.training.v1.TrainingService', platform.coordinator);
  const steps: Step[] = [];
  const blocks: Block[] = [];
  const watching = new AbortController();
  let scrapes = 0;
  try {
    const metrics = services.map((name) => metricsAddress(join(root, 'logs', `${name}.log`)));
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
    const end = Date.now() + 1000 * settings.SECONDS;
    while (Date.now() < end) {
      const block = blockOf(Date.now());
      const before = cpuOf(platform);
      while (blockOf(Date.now()) === block) {
        if (isOn(Date.now())) {
          for (const address of metrics) await fetch(`http://${address}/metrics`).then((response) => response.text());
          scrapes += 1;
        }
        await delay(Math.min(1000 * scrapeSeconds, (block + 1) * blockMs - Date.now()) + 1);
      }
      blocks.push({ block, cpuSeconds: cpuOf(platform) - before });
      say(`${blocks.length} blocks, ${steps.length} steps`);
    }
    await training.CancelRun({ runId: 'measured' }, { deadlineMs: 60_000 });
  } finally {
    watching.abort();
    training.close();
    await platform.stop();
    await workspace.remove();
    receiver.close();
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
  const { requests, bytes } = receiver.received;
  return {
    checks: [
      {
        name: `telemetry takes less than ${100 * mostOverhead} % of a step's processor time`,
        problem: overhead < mostOverhead ? undefined : `it takes ${(100 * overhead).toFixed(1)} %`,
      },
      { name: 'telemetry was on', problem: requests > 0 && scrapes > 0 ? undefined : 'nothing was received' },
    ],
    data: { on, off, overhead, requests, bytes, scrapes, blocks: blocks.length },
    text: `${tableOf(rows)}\n\n${requests} requests of ${(bytes / 1e6).toFixed(1)} MB in all, ${scrapes} scrapes of ${services.length} services`,
    root,
  };
}

function metricsAddress(log: string): string {
  const found = /"metrics":"([^"]+)"/.exec(readFileSync(log, 'utf8'))?.[1];
  if (found === undefined) throw new Error(`${log} names no address of metrics`);
  return found;
}

async function untilNextBlock(): Promise<void> {
  await delay(blockMs - (Date.now() % blockMs) + 1);
}

await runProgram(measure);
