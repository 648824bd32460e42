/** The example's training with rollouts by the vLLM server that VLLM_URL names: what it learns, and a server that fails meanwhile. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { at } from '@gapo/numeric';
import { connect, type StepReport } from '@gapo/rpc';
import { temporaryDirectory } from '@gapo/service/testing';
import { project } from '../platform.fixture.js';
import { runToTheEnd } from '../processes/runToTheEnd.js';
import { startSmallPlatform } from '../processes/smallPlatform.js';
import { EngineStandIn } from './engineStandIn.js';

const upstream = process.env['VLLM_URL'] || undefined;
const skip = upstream === undefined ? 'VLLM_URL names no server' : false;
const recording = fileURLToPath(new URL('../../engines/recordings/vllm.json', import.meta.url));
const example = join(project, 'examples/assistant');
const steps = 10;
const hangMs = 10 * 60_000;
const loadPath = '/v1/load_lora_adapter';

/** A run of the example: its reports, and what the coordinator and the server saw. */
interface Trained {
  readonly reports: readonly StepReport[];
  readonly log: string;
  /** Names of adapters, in the order in which they were loaded. */
  readonly loaded: readonly string[];
}

/** Trains the example on vLLM. @param onStep observes each step with the server's stand-in and the coordinator's log so far */
async function train(
  t: TestContext,
  onStep: (step: number, standIn: EngineStandIn, log: () => string) => void,
): Promise<Trained> {
  const standIn = new EngineStandIn(recording, upstream);
  const url = await standIn.listen();
  const engine = {
    ENGINE: 'vllm',
    ENGINE_URLS: url,
    ENGINE_ADAPTER_DIR: await temporaryDirectory({ after: (close) => t.after(close) }),
  };
  const another = { directory: example, rewardsFile: join(example, 'rewards.yaml') };
  const { platform, root, workspace } = await startSmallPlatform('vllm', {
    another,
    env: { 'rollout-1': engine, coordinator: { WORKER_WAIT_SECONDS: '600' } },
  });
  const training = connect('gapo.training.v1.TrainingService', platform.coordinator);
  const logged = (): string => readFileSync(join(root, 'logs/coordinator.log'), 'utf8');
  const reports: StepReport[] = [];
  try {
    const yaml = readFileSync(join(example, 'run.yaml'), 'utf8');
    const configYaml = yaml
      .replace(/^steps: \d+$/m, `steps: ${steps}`)
      .replace('schedule: cosine', 'schedule: constant');
    await training.CreateRun({ configYaml, baseDirectory: example, runId: 'vllm' }, { deadlineMs: 60_000 });
    await runToTheEnd(training, 'vllm', hangMs, ({ step }) => {
      if (!step) return;
      reports.push(step);
      const rewards = step.objectives.map(({ name, rewardMean }) => `${name} ${rewardMean.toFixed(3)}`).join(', ');
      t.diagnostic(
        `step ${step.step}: ${rewards}, gap ${step.maxLogprobGap.toExponential(1)}, ${step.seconds.toFixed(1)} s`,
      );
      onStep(step.step, standIn, logged);
    });
  } finally {
    training.close();
    await platform.stop();
    await standIn.close();
  }
  const log = logged();
  for (const directory of [root, workspace.directory]) rmSync(directory, { recursive: true });
  const loaded = standIn.arrived.filter(({ path }) => path === loadPath).map(({ body }) => String(body['lora_name']));
  return { reports, log, loaded };
}

const mean = (reports: readonly StepReport[], k: number): number =>
  reports.reduce((sum, { objectives }) => sum + at(objectives, k).rewardMean, 0) / reports.length;

test(
  'the example learns, with another adapter in each step and log-probabilities as the trainer’s',
  { skip },
  async (t) => {
    const { reports, loaded } = await train(t, () => undefined);
    assert.equal(reports.length, steps);
    // A server that seems lost for a moment gets its adapter again.
    assert.deepEqual(
      [...new Set(loaded)].map((name) => /-v(\d+)-/.exec(name)?.[1]),
      Array.from({ length: steps }, (_, version) => String(version)),
    );
    for (const { maxLogprobGap } of reports) assert.ok(maxLogprobGap < 1e-4);
    const rise = [0, 1].map((k) => mean(reports.slice(-3), k) - mean(reports.slice(0, 3), k));
    t.diagnostic(
      `rewards of the last three steps above those of the first three: ${rise.map((by) => by.toFixed(3)).join(', ')}`,
    );
    assert.ok(at(rise, 0) + at(rise, 1) > 0);
  },
);

test(
  'a server that dies or hangs in the middle of a step: the step is redone, and the log names it',
  { skip },
  async (t) => {
    const lost = /retrying sampling shard.* the vllm server http:\S+: cannot be reached/;
    const hanging = /retrying sampling shard.* the vllm server http:\S+: no answer within/;
    const failing: Record<number, { readonly failure: 'reset' | 'hang'; readonly named: RegExp }> = {
      2: { failure: 'reset', named: lost },
      5: { failure: 'hang', named: hanging },
    };
    const { reports, log } = await train(t, (step, standIn, logged) => {
      const next = failing[step];
      if (next === undefined) return;
      let sampled = 0;
      // After some completions of the next step nothing answers, until the coordinator has noticed.
      standIn.intervene = ({ path }) => {
        if (path === '/inference/v1/generate') sampled += 1;
        if (sampled < 20) return 'pass';
        if (path === '/health' && next.named.test(logged())) standIn.intervene = () => 'pass';
        return next.failure;
      };
    });
    assert.equal(reports.length, steps);
    const retries = log.split('\n').filter((line) => line.includes('retrying sampling shard'));
    t.diagnostic(retries.map((line) => (JSON.parse(line) as { message: string }).message).join('\n'));
    assert.ok(retries.some((line) => lost.test(line)));
    assert.ok(retries.some((line) => hanging.test(line)));
    for (const { maxLogprobGap } of reports) assert.ok(maxLogprobGap < 1e-4);
  },
);
