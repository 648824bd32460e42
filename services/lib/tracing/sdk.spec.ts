import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isSampled } from './runSampler.js';
import { sdkWanted, serviceName } from './sdk.js';
import { otlpEndpoint, otlpProblem, sampledRuns, telemetryWanted } from './signals.js';

describe('whether traces are wanted', () => {
  test('follows the standard variables', () => {
    assert.equal(telemetryWanted({}), false);
    assert.equal(telemetryWanted({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x' }), true);
    assert.equal(telemetryWanted({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://x' }), true);
    assert.equal(telemetryWanted({ OTEL_TRACES_EXPORTER: 'console' }), true);
    assert.equal(telemetryWanted({ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x' }), false);
    assert.equal(telemetryWanted({ OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x' }), false);
  });

  test('variables that cannot work are named, without what may be a secret', () => {
    const endpoint = 'OTEL_EXPORTER_OTLP_ENDPOINT';
    const protocol = 'OTEL_EXPORTER_OTLP_PROTOCOL';
    const works: Record<string, string>[] = [
      { [endpoint]: 'http://c:4318' },
      { [endpoint]: 'https://u:p@c/otlp', [protocol]: 'http/json' },
      { [endpoint]: 'c:4317', [protocol]: 'grpc' },
      { OTEL_TRACES_EXPORTER: 'console', [protocol]: 'unused' },
      { OTEL_TRACES_EXPORTER: 'otlp,console' },
    ];
    for (const env of works) assert.equal(otlpProblem(env), undefined, JSON.stringify(env));
    const wrong: [Record<string, string>, RegExp][] = [
      [
        { [endpoint]: 'http://c', [protocol]: 'http' },
        /^OTEL_EXPORTER_OTLP_PROTOCOL: found "http", expected grpc, http/,
      ],
      [
        { [endpoint]: 'http://c', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'h2' },
        /^OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: found "h2"/,
      ],
      [{ [endpoint]: 'c:4318' }, /^OTEL_EXPORTER_OTLP_ENDPOINT: expected a URL such as http:\/\/host:4318/],
      [{ [endpoint]: 's3cret@c' }, /^OTEL_EXPORTER_OTLP_ENDPOINT: /],
      [{ [endpoint]: 'ftp://c', [protocol]: 'grpc' }, /http:\/\/host:4317/],
      [{ OTEL_TRACES_EXPORTER: 'jaeger' }, /^OTEL_TRACES_EXPORTER: found "jaeger"/],
    ];
    for (const [env, message] of wrong) {
      assert.match(otlpProblem(env) ?? 'none', message);
      assert.doesNotMatch(otlpProblem(env) ?? '', /s3cret/);
    }
    assert.equal(otlpEndpoint({ OTEL_TRACES_EXPORTER: 'otlp', [protocol]: 'grpc' }), 'http://localhost:4317');
    assert.equal(otlpEndpoint({ OTEL_TRACES_EXPORTER: 'console' }), undefined);
  });

  test('each signal has its own variables, and one endpoint is that of all', () => {
    const all = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x' };
    assert.equal(telemetryWanted(all, 'metrics'), true);
    assert.equal(telemetryWanted({ ...all, OTEL_METRICS_EXPORTER: 'none' }, 'metrics'), false);
    assert.equal(telemetryWanted({ ...all, OTEL_METRICS_EXPORTER: 'none' }, 'logs'), true);
    assert.equal(telemetryWanted({ OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://x' }, 'metrics'), false);
    assert.equal(otlpEndpoint({ ...all, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://m' }, 'metrics'), 'http://m');
    assert.match(
      otlpProblem({ OTEL_METRICS_EXPORTER: 'prometheus' }, 'metrics') ?? '',
      /^OTEL_METRICS_EXPORTER: found "prometheus", expected otlp, console or none; LISTEN_METRICS/,
    );
    assert.equal(otlpProblem({ OTEL_METRICS_EXPORTER: 'prometheus' }, 'traces'), undefined);
    assert.equal(sdkWanted({}), false);
    assert.equal(sdkWanted({ LISTEN_METRICS: '127.0.0.1:0' }), true);
    assert.equal(sdkWanted({ OTEL_LOGS_EXPORTER: 'console' }), true);
  });

  test('a share of the runs is sampled, always the same ones', () => {
    const sampler = { OTEL_TRACES_SAMPLER: 'parentbased_rl_run_ratio', OTEL_TRACES_SAMPLER_ARG: '0.25' };
    assert.equal(sampledRuns(sampler), 0.25);
    assert.equal(sampledRuns({ ...sampler, OTEL_TRACES_SAMPLER_ARG: '' }), 1);
    assert.equal(sampledRuns({ OTEL_TRACES_SAMPLER: 'always_on' }), undefined);
    for (const arg of ['1.5', '-1', 'half']) {
      assert.match(otlpProblem({ ...sampler, OTEL_TRACES_SAMPLER_ARG: arg }) ?? '', /expected a share of runs/);
    }
    const runs = Array.from({ length: 400 }, (_, i) => `run-${i}`);
    const sampled = runs.filter((run) => isSampled(run, 0.25));
    assert.ok(sampled.length > 70 && sampled.length < 130, `${sampled.length} of 400`);
    assert.ok(sampled.every((run) => isSampled(run, 0.5)));
    assert.deepEqual([runs.every((run) => isSampled(run, 1)), runs.some((run) => isSampled(run, 0))], [true, false]);
  });

  test('the service is named by OTEL_SERVICE_NAME, else by its folder', () => {
    assert.equal(serviceName({ OTEL_SERVICE_NAME: 'mine' }, '/x/services/rollout/dist/main.js'), 'mine');
    assert.equal(serviceName({}, '/x/services/rollout/dist/main.js'), 'gapo-rollout');
    assert.equal(serviceName({}, '/x/services/rollout/main.js'), 'gapo-rollout');
  });
});
