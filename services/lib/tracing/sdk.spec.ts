import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { otlpEndpoint, otlpProblem, telemetryWanted } from './otlpSettings.js';
import { serviceName } from './sdk.js';

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
      [{ [endpoint]: 'c:4318' }, /^OTEL_EXPORTER_OTLP_ENDPOINT: expected a URL as http:\/\/host:4318/],
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

  test('the service is named by OTEL_SERVICE_NAME, else by its folder', () => {
    assert.equal(serviceName({ OTEL_SERVICE_NAME: 'mine' }, '/x/services/rollout/dist/main.js'), 'mine');
    assert.equal(serviceName({}, '/x/services/rollout/dist/main.js'), 'gapo-rollout');
    assert.equal(serviceName({}, '/x/services/rollout/main.js'), 'gapo-rollout');
  });
});
