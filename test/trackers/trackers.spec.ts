/** A real MLflow server receives runs, and TensorBoard's reader reads them, across kills of the coordinator. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { MlflowStandIn, playScenario, readRecording, writeRecording, type Exchange } from '@gapo/coordinator/testing';
import { required } from '@gapo/numeric';
import { connect, type StepReport } from '@gapo/rpc';
import { temporaryDirectory } from '@gapo/service/testing';
import { makeWorkspace, runYaml } from '../platform.fixture.js';
import { startProcesses, type ProcessPlatform } from '../processes/platform.js';
import { readMlflow, readTensorboard, startMlflow, whyNoReaders, type ReadPoint } from './readers.js';

/** Returns exchanges without what a server makes up: ids, its own times and names. */
function comparable(exchanges: readonly Exchange[]): unknown {
  const text = JSON.stringify(exchanges, (key, value: unknown) =>
    /^(creation_time|last_update_time|user_id|mlflow\.user|workspace)$/.test(key) ? undefined : value,
  );
  return JSON.parse(text.replace(/\b[0-9a-f]{32}\b/g, 'RUN')) as unknown;
}

describe('trackers', { skip: whyNoReaders() }, () => {
  test('the server answers as it was recorded, and its client reads every point', async (t) => {
    const mlflow = await startMlflow(t);
    const server = new MlflowStandIn(mlflow.url);
    t.after(() => server.close());
    const run = await playScenario(await server.listen(), await temporaryDirectory(t));
    if (process.env['RECORD']) writeRecording(mlflow.version, server.exchanges);
    assert.deepEqual(comparable(server.exchanges), comparable(readRecording()), 'make test-trackers RECORD=1');

    const found = await readMlflow(mlflow.url, 'recorded', 'bandit');
    assert.deepEqual([found.status, found.start, found.end], ['FINISHED', 1769860800000, 1769860809000]);
    assert.equal(found.params['objectives.short.onFailure'], 'pause');
    assert.equal(found.params['optimizer.learningRate'], String(run.config.optimizer.learningRate));
    assert.equal(found.tags['gapo.state'], 'succeeded');
    assert.equal(found.tags['gapo.preference'], '{"letters":0.7,"short":0.3}');
    const steps = (name: string): unknown => found.metrics[name]?.map(([step, value]) => [step, value]);
    assert.deepEqual(steps('gapo.kl'), [[1, 0.0625], [2, NaN], [2, NaN], [3, 0.1875]]); // prettier-ignore
    assert.deepEqual(steps('rl.environment.reward.mean/short'), [[1, 1.25], [2, 1.5], [2, 2], [3, 1.75]]); // prettier-ignore
    assert.deepEqual(Object.keys(found.artifacts).sort(), [
      'adapter/adapter_config.json',
      'adapter/adapter_model.safetensors',
      'report.html',
      'run.yaml',
    ]);
    assert.equal(found.artifacts['adapter/adapter_model.safetensors'], '00ff800a');
  });

  test('a run whose coordinator is killed again and again has every point once, at both', async (t) => {
    const mlflow = await startMlflow(t);
    const root = await temporaryDirectory(t);
    const logs = join(root, 'tensorboard');
    const secret = 'a-token-of-the-test';
    const tracked = { MLFLOW_TRACKING_URI: mlflow.url, MLFLOW_TRACKING_TOKEN: secret, TENSORBOARD_DIR: logs };
    const { platform, reports } = await trainThroughKills(t, root, tracked);
    const coordinatorLog = readFileSync(join(root, 'logs/coordinator.log'), 'utf8');
    assert.doesNotMatch(coordinatorLog, new RegExp(secret));

    const atMlflow = await readMlflow(mlflow.url, 'gapo', 'tracked');
    const atTensorboard = await readTensorboard(join(logs, 'tracked'));
    assert.equal(atMlflow.status, 'FINISHED');
    for (const { name, of } of someMetrics) {
      // A step has no point of what it did not measure.
      const expected = reports.flatMap((report) => {
        const value = of(report);
        return value === undefined ? [] : [[report.step, value] as const];
      });
      assert.deepEqual(stepsAndValues(atMlflow.metrics[name]), expected, `${name} at MLflow`);
      const single = expected.map(([step, value]) => [step, Math.fround(value)]);
      assert.deepEqual(stepsAndValues(atTensorboard.scalars[name]), single, `${name} at TensorBoard`);
    }
    assert.deepEqual(Object.keys(atTensorboard.scalars).sort(), Object.keys(atMlflow.metrics).sort());
    assert.match(atTensorboard.texts['gapo.state']?.at(-1) ?? '', /^running to succeeded$/);
    const checkpoint = join(platform.dataDirectory, 'tracked/checkpoints');
    const newest = join(checkpoint, `step-${String(steps).padStart(6, '0')}`, 'adapter_model.safetensors');
    assert.equal(atMlflow.artifacts['adapter/adapter_model.safetensors'], readFileSync(newest).toString('hex'));
    assert.match(
      Buffer.from(atMlflow.artifacts['report.html'] ?? '', 'hex').toString(),
      /gapo-report.*"id":"tracked"/s,
    );
  });
});

const steps = 12;
const killedAfter = [2, 5, 9];

const someMetrics: readonly { readonly name: string; readonly of: (report: StepReport) => number | undefined }[] = [
  { name: 'gapo.run.step', of: ({ step }) => step },
  { name: 'gapo.run.step.duration', of: ({ seconds }) => seconds },
  { name: 'gapo.entropy', of: ({ entropy }) => entropy },
  { name: 'rl.environment.reward.mean/vowels', of: ({ objectives }) => objectives[1]?.rewardMean },
  { name: 'gapo.gram.cosine/short/vowels', of: ({ objectives }) => objectives[0]?.cosines['vowels'] },
];

function stepsAndValues(points: readonly ReadPoint[] | undefined): unknown {
  return points?.map(([step, value]) => [step, value]);
}

/** Trains a run on real processes, and kills the coordinator after some of its steps. Returns the run's reports. */
async function trainThroughKills(
  t: TestContext,
  root: string,
  env: Readonly<Record<string, string>>,
): Promise<{ platform: ProcessPlatform; reports: StepReport[] }> {
  const workspace = await makeWorkspace();
  t.after(() => workspace.remove());
  const platform = await startProcesses({
    root,
    projectDirectories: [workspace.directory],
    rewardsFile: join(workspace.directory, 'rewards.yaml'),
    rolloutWorkers: 1,
    gradientWorkers: 1,
    env: { coordinator: env },
    ended: () => undefined,
  });
  t.after(() => platform.stop());
  const training = connect('gapo.training.v1.TrainingService', platform.coordinator);
  t.after(() => training.close());
  const configYaml = runYaml({ steps: String(steps) });
  await training.CreateRun(
    { configYaml, baseDirectory: workspace.directory, runId: 'tracked' },
    { deadlineMs: 600_000 },
  );
  const reports = new Map<number, StepReport>();
  const left = [...killedAfter];
  while (reports.size < steps) {
    try {
      for await (const { step } of training.WatchRun({ runId: 'tracked' }, { deadlineMs: 600_000 })) {
        if (step === undefined || step === null) continue;
        reports.set(step.step, step);
        if (step.step !== left[0]) continue;
        left.shift();
        required(platform.services.get('coordinator'), 'the coordinator').kill();
      }
    } catch {
      // The coordinator was killed; another one continues the run.
    }
  }
  // Ends once everything is recorded.
  await required(platform.services.get('coordinator'), 'the coordinator').stop();
  return { platform, reports: [...reports.values()] };
}
