/** The telemetry of a live run, as seen by an independent collector, Prometheus and Grafana's schema. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect, type Client } from '@gapo/rpc';
import { scrape, startOtlpReceiver, temporaryDirectory, type Owner } from '@gapo/service/testing';
import { declaredAttributes, declaredMetrics, spanNames, telemetryEventNames } from '@gapo/tracing';
import { queriesIn } from '../dashboardQueries.fixture.js';
import { project, runYaml } from '../platform.fixture.js';
import { startSmallPlatform, type SmallPlatform } from '../processes/smallPlatform.js';
import { startCollector, startPrometheus, untilFound, whyNoPrograms, type RunningPrometheus } from './collector.js';

const services = ['coordinator', 'rollout-1', 'gradient-1', 'reward-short', 'reward-vowels', 'gateway'];
const dashboards = join(project, 'deploy/observability/dashboards');
const files = readdirSync(dashboards).map((name) => join(dashboards, name));

const grafana = process.env['GRAFANA_DASHBOARDS'];

test(
  'Grafana’s schema library reads the dashboards',
  { skip: grafana === undefined && 'make test-telemetry builds it' },
  () => {
    const { status, stdout } = spawnSync(grafana ?? '', files, { encoding: 'utf8' });
    assert.equal(status, 0, stdout);
  },
);

describe('telemetry', { skip: whyNoPrograms() }, () => {
  const closing: (() => Promise<void>)[] = [];
  const owner: Owner = { after: (close) => void closing.unshift(close) };
  let receiver: Awaited<ReturnType<typeof startOtlpReceiver>>;
  let small: SmallPlatform;
  let prometheus: RunningPrometheus;
  let training: Client<'gapo.training.v1.TrainingService'>;
  let addresses: ReadonlyMap<string, string>;

  before(async () => {
    const directory = await temporaryDirectory(owner);
    receiver = await startOtlpReceiver(owner);
    const collector = await startCollector(owner, directory, receiver.all.OTEL_EXPORTER_OTLP_ENDPOINT);
    const telemetry = {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector,
      OTEL_METRIC_EXPORT_INTERVAL: '1000',
      LISTEN_METRICS: '127.0.0.1:0',
      WORKER_WAIT_SECONDS: '3600',
    };
    small = await startSmallPlatform('telemetry', {
      env: Object.fromEntries(services.map((name) => [name, telemetry])),
    });
    owner.after(async () => {
      await small.platform.stop();
      await small.workspace.remove();
      rmSync(small.root, { recursive: true, force: true });
    });
    addresses = new Map(services.map((name) => [name, metricsAddress(join(small.root, 'logs', `${name}.log`))]));
    prometheus = await startPrometheus(owner, directory, addresses, withoutWaiting(directory));
    training = connect('gapo.training.v1.TrainingService', small.platform.coordinator);
    owner.after(async () => training.close());
    const rollout = '{ promptsPerStep: 8, samplesPerPrompt: 6, maxNewTokens: 12, shards: 4, staleness: 1 }';
    // Many completions of a policy that hardly changes: where all scores of a step are equal, it has no gradient, and so no cosine.
    const optimizer = '{ learningRate: 1e-6 }';
    const configYaml = runYaml({ steps: '100000', rollout, optimizer });
    await training.CreateRun(
      { configYaml, baseDirectory: small.workspace.directory, runId: 'live' },
      { deadlineMs: 60_000 },
    );
    await fetch(`${small.platform.page ?? ''}api/runs`);
    await untilFound(prometheus, 'gapo_run_step >= 5 and on () http_server_request_duration_count > 0');
  });
  after(async () => {
    for (const close of closing) await close();
  });

  test('the collector receives traces, metrics and logs of every service, under declared names alone', async () => {
    const spans = new Set<string>(Object.values(spanNames));
    const metrics = new Map<string, string>(
      Object.values(declaredMetrics).map(({ name, instrument }) => [name, instrument]),
    );
    const attributes = new Set<string>(Object.values(declaredAttributes).map(({ name }) => name));
    await receiver.record(({ eventName }) => eventName === telemetryEventNames.evaluationResult);
    await receiver.span(({ name }) => name === spanNames.step);
    for (const service of ['coordinator', 'rollout', 'gradient', 'reward', 'gateway']) {
      await receiver.span((span) => span.service === `gapo-${service}`);
      await receiver.point((point) => point.service === `gapo-${service}`);
    }
    const of = (one: { attributes: object }): string[] => Object.keys(one.attributes);
    const own = receiver.spans.filter(({ name }) => !name.startsWith('grpc.'));
    assert.deepEqual([...new Set(own.map(({ name }) => name))].filter((name) => !spans.has(name)), []); // prettier-ignore
    for (const { metric, instrument } of receiver.points) {
      const declared = metrics.get(metric);
      assert.ok(declared !== undefined, `${metric} is not declared`);
      assert.equal(instrument, declared, metric);
    }
    const named = [...own, ...receiver.points].flatMap(of);
    assert.deepEqual([...new Set(named)].filter((name) => !attributes.has(name)), []); // prettier-ignore
    const others = receiver.records.flatMap(of).filter((name) => !attributes.has(name) && !/^gapo\.log\./.test(name));
    assert.deepEqual([...new Set(others)], []);
    assert.ok(own.some(({ name }) => name === spanNames.step));
  });

  test('promtool accepts what every service serves', async () => {
    for (const [service, address] of addresses) {
      const { text } = await scrape(address);
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
      assert.equal(status, 0, `${service}: ${stdout}${stderr}`);
    }
  });

  test('Prometheus evaluates every query of the dashboards, and those about the run return data', async () => {
    assert.equal((await prometheus.query('up == 1')).length, services.length);
    const empty: string[] = [];
    for (const file of files) {
      for (const { panel, evaluable } of queriesIn(readFileSync(file, 'utf8'))) {
        if ((await prometheus.query(evaluable)).length === 0) empty.push(panel);
      }
    }
    // Metrics of things this run does not do: fail, checkpoint late, compute on GPUs, train by DPO, or
    // approximate.
    const absent =
      /accuracy|multiplier|approximation|failures|cache of scores|retries|Share of calls|refused|hw\.gpu|queue\.length/;
    assert.deepEqual([...new Set(empty)].filter((panel) => !absent.test(panel)), []); // prettier-ignore
  });

  test('alerts fire on a live platform by their causes: no worker, and no NATS', async () => {
    assert.deepEqual(await prometheus.query('ALERTS{alertstate="firing", alertname=~"GapoWorkersDown|GapoBus.*"}'), []);
    small.platform.services.get('rollout-1')?.signal('SIGSTOP');
    const down = await untilFound(prometheus, 'ALERTS{alertname="GapoWorkersDown", alertstate="firing"}');
    assert.deepEqual(down.map(({ metric }) => [metric['job'], metric['gapo_pool']]), [['coordinator', 'rollout']]); // prettier-ignore
    small.platform.services.get('rollout-1')?.signal('SIGCONT');
    await untilFound(
      prometheus,
      'ALERTS{alertname="GapoWorkersDown", alertstate="firing"}',
      (found) => found.length === 0,
    );

    await small.platform.services.get('nats')?.stop();
    const alone = await untilFound(prometheus, 'ALERTS{alertname="GapoBusDisconnected", alertstate="firing"}', (found) => found.length === 2); // prettier-ignore
    assert.deepEqual(alone.map(({ metric }) => metric['job']).sort(), ['coordinator', 'gateway']);
  });

  test('an alert fires for a run that fails', async () => {
    await training.CreateRun(
      { configYaml: runYaml({ objectives: '[{ name: short }, { name: vowels, onFailure: fail, timeoutSeconds: 2 }]', steps: '100000' }), baseDirectory: small.workspace.directory, runId: 'failing' },
      { deadlineMs: 60_000 },
    ); // prettier-ignore
    await untilFound(prometheus, 'gapo_run_step{rl_run_id="failing"} >= 1');
    await small.platform.services.get('reward-vowels')?.stop();
    const failed = await untilFound(prometheus, 'ALERTS{alertname="GapoRunFailed", alertstate="firing"}');
    assert.deepEqual(failed.map(({ metric }) => metric['job']), ['coordinator']); // prettier-ignore
  });
});

/** Writes the alerts without their minimum durations, which promtool tests. Returns the file. */
function withoutWaiting(directory: string): string {
  const file = join(directory, 'alerts.yaml');
  const alerts = readFileSync(join(project, 'deploy/observability/alerts.yaml'), 'utf8');
  writeFileSync(file, alerts.replace(/^ +for: .*\n/gm, ''));
  return file;
}

function metricsAddress(log: string): string {
  const found = /"metrics":"([^"]+)"/.exec(readFileSync(log, 'utf8'))?.[1];
  assert.ok(found !== undefined, `${log} names no address of metrics`);
  return found;
}
