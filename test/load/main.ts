/**
 * make load: watches a run with a thousand watchers, and creates and cancels others, while it trains; then compares its steps.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { median, required } from '@gapo/numeric';
import { connect } from '@gapo/rpc';
import { UserError, z } from '@gapo/service';
import { eventsOf } from '../chaos/history.js';
import { project, runYaml } from '../platform.fixture.js';
import type { ProcessPlatform } from '../processes/platform.js';
import { programSettings, runProgram, say, type Findings } from '../processes/program.js';
import { startSmallPlatform } from '../processes/smallPlatform.js';
import { tableOf } from '../processes/table.js';
import { usageOf } from '../processes/usage.js';
import { loadChecks, type LoadResult, type Window } from './checks.js';
import type { LoadAnswer, LoadTask } from './generator.js';

const count = (standard: number) => z.coerce.number().int().min(1).default(standard);

const settings = programSettings({
  WATCHERS: count(1000),
  PAIRS: count(100),
  SECONDS: count(60),
  WORLD: z.enum(['example', 'small']).default('example'),
});

const runId = 'load';
const finishMs = 60_000;
const settleMs = 5000;
/** The batch of the small world, whose steps take about half a second. */
const batch = '{ promptsPerStep: 48, samplesPerPrompt: 8, maxNewTokens: 24, shards: 4 }';

/** The generator's process. */
class Generator {
  readonly #child: ChildProcess = fork(fileURLToPath(new URL('generator.js', import.meta.url)));

  /** The CPU time it has used, in seconds. */
  get cpuSeconds(): number {
    return usageOf(required(this.#child.pid, 'the process of the load'))?.cpuSeconds ?? NaN;
  }

  /** Runs a task. @throws UserError if the process ends */
  async carryOut<T extends LoadTask['task']>(task: LoadTask & { task: T }): Promise<Extract<LoadAnswer, { task: T }>> {
    this.#child.send(task);
    const ended = once(this.#child, 'exit').then(([code]) => {
      throw new UserError(`the process of the load has ended with ${String(code)}`);
    });
    const [answer] = (await Promise.race([once(this.#child, 'message'), ended])) as [Extract<LoadAnswer, { task: T }>];
    return answer;
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

const example = {
  directory: join(project, 'examples/assistant'),
  rewardsFile: join(project, 'examples/assistant/rewards.yaml'),
};

/** Requests for the watched run, and for the runs that are created and cancelled. */
interface LoadRuns {
  readonly watched: { readonly configYaml: string; readonly baseDirectory: string };
  readonly created: { readonly configYaml: string; readonly baseDirectory: string };
}

/** @param workspace the directory of the small model */
function runsOf(workspace: string): LoadRuns {
  const steps = '100000';
  if (settings.WORLD === 'small') {
    const watched = runYaml({ steps, rollout: batch, optimizer: '{ learningRate: 1e-4 }' });
    return {
      watched: { configYaml: watched, baseDirectory: workspace },
      created: { configYaml: runYaml(), baseDirectory: workspace },
    };
  }
  const yaml = readFileSync(join(example.directory, 'run.yaml'), 'utf8').replace(/^steps: .*$/m, `steps: ${steps}`);
  const created = runYaml({ objectives: '[{ name: helpful }, { name: harmless }]' });
  return {
    watched: { configYaml: yaml, baseDirectory: example.directory },
    created: { configYaml: created, baseDirectory: workspace },
  };
}

/** Trains the run in each time window, and applies the load in one of them. */
async function load(platform: ProcessPlatform, { watched, created }: LoadRuns): Promise<LoadResult> {
  const { WATCHERS: watchers, PAIRS: rate, SECONDS: seconds } = settings;
  const { coordinator } = platform;
  const page = required(platform.page, 'the page');
  const training = connect('gapo.training.v1.TrainingService', coordinator);
  const generator = new Generator();
  const steps: { readonly at: number; readonly seconds: number }[] = [];
  const watching = new AbortController();
  const window = async (name: string, during: () => Promise<unknown>): Promise<Window> => {
    say(`${name} …`);
    const [begin, before] = [performance.now(), cpuOf(platform, generator)];
    await during();
    const end = performance.now();
    // Skips steps that began earlier.
    const inside = steps.filter((step) => step.at - 1000 * step.seconds >= begin && step.at <= end);
    const after = cpuOf(platform, generator);
    const cpu = Object.fromEntries(
      [...after].map(([process, value]) => [process, (1000 * (value - (before.get(process) ?? 0))) / (end - begin)]),
    );
    const result = {
      name,
      seconds: (end - begin) / 1000,
      steps: inside.length,
      medianSeconds: inside.length === 0 ? NaN : median(inside.map(({ seconds }) => seconds)),
      cpu,
    };
    say(
      `${name}: ${result.steps} steps in ${result.seconds.toFixed(0)} s, median ${result.medianSeconds.toFixed(2)} s`,
    );
    return result;
  };
  try {
    await training.CreateRun({ ...watched, runId }, { deadlineMs: 60_000 });
    const read = async (): Promise<void> => {
      const options = { deadlineMs: Infinity, signal: watching.signal };
      for await (const { step } of training.WatchRun({ runId }, options)) {
        if (step) steps.push({ at: performance.now(), seconds: step.seconds });
      }
    };
    const reading = read();
    while (steps.length < 3) await Promise.race([delay(100), reading]);
    const before = await window('before', () => delay(1000 * seconds));
    const connecting = await window(`connecting ${watchers} watchers`, () =>
      generator.carryOut({ task: 'watch', coordinator, page, runId, watchers }),
    );
    await delay(settleMs);
    const connected = await window(`${watchers} watchers`, () => delay(500 * seconds));
    let pairs: LoadResult['pairs'] | undefined;
    const during = await window(`${watchers} watchers and ${rate} pairs a second`, async () => {
      const answer = await generator.carryOut({
        task: 'pairs',
        coordinator,
        ...created,
        rate,
        seconds,
      });
      pairs = answer.report;
    });
    await training.CancelRun({ runId }, { deadlineMs: 60_000 });
    await reading;
    const { rpc, pages } = await generator.carryOut({ task: 'finish', waitMs: finishMs });
    const lastEvent = eventsOf(join(platform.dataDirectory, runId)).length;
    return {
      windows: [before, connecting, connected, during],
      before,
      during,
      pairs: required(pairs, 'the report of the pairs'),
      rpc,
      pages,
      lastStep: steps.length,
      lastEvent,
      runs: readdirSync(platform.dataDirectory).filter((name) => name.startsWith('pair-')).length,
    };
  } finally {
    watching.abort();
    generator.stop();
    training.close();
  }
}

/** The CPU time used by each process, in seconds. */
function cpuOf(platform: ProcessPlatform, generator: Generator): Map<string, number> {
  const cpu = new Map<string, number>();
  for (const [name, { pid }] of platform.services)
    cpu.set(name, (pid === undefined ? undefined : usageOf(pid))?.cpuSeconds ?? NaN);
  return cpu.set('load itself', generator.cpuSeconds);
}

function windowTable(windows: readonly Window[]): string {
  const processes = Object.keys(windows[0]?.cpu ?? {});
  const percent = (share: number | undefined): string => `${(100 * (share ?? NaN)).toFixed(0)} %`;
  return tableOf([
    ['', ...windows.map(({ name }) => name)],
    ['seconds', ...windows.map(({ seconds }) => seconds.toFixed(0))],
    ['steps', ...windows.map(({ steps }) => String(steps))],
    ['median seconds of a step', ...windows.map(({ medianSeconds }) => medianSeconds.toFixed(2))],
    ...processes.map((process) => [`CPU of ${process}`, ...windows.map(({ cpu }) => percent(cpu[process]))]),
  ]);
}

function textOf(result: LoadResult): string {
  const { windows, pairs, runs, lastStep, lastEvent, rpc, pages } = result;
  return [
    `${windowTable(windows)}\n`,
    'The load has a process of its own, with the lowest priority (nice 19), on the same machine.',
    `${lastStep} steps and ${lastEvent} events, to ${rpc.length} watchers over gRPC and ${pages.length} over server-sent events`,
    `${pairs.pairs} pairs in ${pairs.seconds.toFixed(0)} s, answers after ${pairs.medianMs.toFixed(0)} ms (median) and ${pairs.p99Ms.toFixed(0)} ms (p99); ${runs} directories of runs`,
    `CreateRun ${JSON.stringify(pairs.created)}, CancelRun ${JSON.stringify(pairs.cancelled)}`,
    ...Object.entries(pairs.messages).map(([call, message]) => `  ${call}: ${message}`),
  ].join('\n');
}

async function measure(): Promise<Findings> {
  const another = settings.WORLD === 'example' ? example : undefined;
  const { workspace, platform, root, ended } = await startSmallPlatform('load', { another });
  const result = await load(platform, runsOf(workspace.directory)).finally(() => platform.stop());
  await workspace.remove();
  const { rpc, pages, ...rest } = result;
  const data = { ...rest, watchers: rpc.length + pages.length };
  return { checks: loadChecks(result, ended), data, text: textOf(result), root };
}

await runProgram(measure);
