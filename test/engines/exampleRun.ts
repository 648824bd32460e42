/**
 * Trains the example on a platform of processes, with rollouts on a vLLM server, and observes it until the end.
 */
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { connect, type Progress, type StepReport } from '@gapo/rpc';
import { temporaryDirectory } from '@gapo/service/testing';
import { project } from '../platform.fixture.js';
import { startSmallPlatform } from '../processes/smallPlatform.js';

const example = join(project, 'examples/assistant');

/** The course of a run. */
export interface Course {
  /** The server's URL. */
  readonly url: string;
  readonly steps: number;
  /** Changes the configuration. @default nothing */
  readonly configured?: (yaml: string) => string;
  /** Further directories with files used by the configuration. @default none */
  readonly projects?: readonly string[];
  /** Further settings of the coordinator. @default none */
  readonly coordinator?: Readonly<Record<string, string>>;
  /** Observes each step, with the coordinator's log so far. */
  readonly onStep?: (step: number, log: () => string) => void;
  /** Observes the work in progress. */
  readonly onProgress?: (progress: Progress, log: () => string) => void;
}

/** The result. */
export interface Trained {
  readonly reports: readonly StepReport[];
  /** The coordinator's log. */
  readonly log: string;
  /** The states of the run, each with its reason. */
  readonly states: readonly string[];
}

/** Trains without intervention: a run that pauses has to resume automatically. */
export async function trainExample(t: TestContext, course: Course): Promise<Trained> {
  const { url, steps, configured = (yaml) => yaml, projects = [], coordinator = {}, onStep, onProgress } = course;
  const engine = {
    ENGINE: 'vllm',
    ENGINE_URLS: url,
    ENGINE_ADAPTER_DIR: await temporaryDirectory({ after: (close) => t.after(close) }),
  };
  const another = { directory: example, rewardsFile: join(example, 'rewards.yaml') };
  const { platform, root, workspace } = await startSmallPlatform('vllm', {
    another,
    env: { 'rollout-1': engine, coordinator: { PROJECT_DIRS: [example, ...projects].join(), ...coordinator } },
  });
  const training = connect('gapo.training.v1.TrainingService', platform.coordinator);
  const logged = (): string => readFileSync(join(root, 'logs/coordinator.log'), 'utf8');
  const [reports, states]: [StepReport[], string[]] = [[], []];
  try {
    const yaml = readFileSync(join(example, 'run.yaml'), 'utf8')
      .replace(/^steps: \d+$/m, `steps: ${steps}`)
      .replace('schedule: cosine', 'schedule: constant');
    const run = { configYaml: configured(yaml), baseDirectory: example, runId: 'vllm' };
    await training.CreateRun(run, { deadlineMs: 60_000 });
    for await (const { run, step, progress } of training.WatchRun({ runId: 'vllm' }, { deadlineMs: Infinity })) {
      if (progress) onProgress?.(progress, logged);
      if (step) {
        reports.push(step);
        const rewards = step.objectives.map(({ name, rewardMean }) => `${name} ${rewardMean.toFixed(3)}`).join(', ');
        const gap = step.maxLogprobGap.toExponential(1);
        t.diagnostic(`step ${step.step}: ${rewards}, gap ${gap}, ${step.seconds.toFixed(1)} s`);
        onStep?.(step.step, logged);
      }
      const { state = '', reason = '', recovery } = run ?? {};
      if (state !== '') states.push(`${state}: ${reason}`);
      if (state === 'RUN_STATE_SUCCEEDED') break;
      const waits = state === 'RUN_STATE_PAUSED' && recovery !== null;
      assert.ok(waits || !/FAILED|CANCELLED|PAUSED/.test(String(state)), states.at(-1));
    }
  } finally {
    training.close();
    await platform.stop();
  }
  const log = logged();
  for (const directory of [root, workspace.directory]) rmSync(directory, { recursive: true });
  assert.equal(reports.length, steps);
  return { reports, log, states };
}

/** Returns the coordinator's messages about retried sampling requests. */
export function retriesIn(log: string): readonly string[] {
  const lines = log.split('\n').filter((line) => line.includes('retrying sampling shard'));
  return lines.map((line) => (JSON.parse(line) as { message: string }).message);
}
