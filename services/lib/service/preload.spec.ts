import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startChild } from './child.fixture.js';
import { startOtlpReceiver, type OtlpAnswer } from './otlpReceiver.fixture.js';

const preload = ['--import', import.meta.resolve('@gapo/tracing/preload')];

describe('preload', () => {
  test('a gRPC call between two processes is one trace: step, client, server, work', async (t) => {
    const receiver = await startOtlpReceiver(t);
    const env = (name: string) => ({ ...receiver.env, OTEL_SERVICE_NAME: name });
    const server = startChild('./greeter.fixture.js', ['server'], env('callee'), preload);
    const [, port = ''] = await server.waitForOutput(/"address":"127\.0\.0\.1:(\d+)"/);
    const client = startChild('./greeter.fixture.js', ['client', port], env('caller'), preload);
    assert.equal(await client.closed, 0, client.output());

    const work = await receiver.span((span) => span.name === 'gapo.reward.score');
    const served = await receiver.span((span) => span.spanId === work.parentSpanId);
    const called = await receiver.span((span) => span.spanId === served.parentSpanId);
    const step = await receiver.span((span) => span.spanId === called.parentSpanId);
    assert.deepEqual(
      [step, called, served, work].map(({ service, name }) => `${service} ${name}`),
      [
        'caller rl.loop',
        'caller grpc.gapo.test.Greeter/Greet',
        'callee grpc.gapo.test.Greeter/Greet',
        'callee gapo.reward.score',
      ],
    );
    assert.equal(step.parentSpanId, undefined);
    assert.equal(new Set([step, called, served, work].map((span) => span.traceId)).size, 1);

    server.kill('SIGTERM');
    assert.equal(await server.closed, 0, server.output());
  });

  test('the service is named after the folder of its main script', async (t) => {
    const receiver = await startOtlpReceiver(t);
    const child = startChild('./service.fixture.js', ['traced'], receiver.env, preload);
    assert.equal(await child.closed, 0, child.output());
    const span = await receiver.span((one) => one.name === 'rl.loop');
    assert.equal(span.service, 'gapo-service');
  });

  test('without OTEL variables the SDK is not loaded', async () => {
    const child = startChild('./service.fixture.js', ['modules'], {}, preload);
    await child.waitForOutput(/telemetry off, sdk not loaded/);
    assert.equal(await child.closed, 0, child.output());
  });

  test('an unreachable receiver delays the end by no more than the time limit', async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' };
    const child = startChild('./service.fixture.js', ['traced', 'short'], env, preload);
    assert.equal(await child.closed, 0, child.output());
  });

  /** Runs a service that exports a span. Returns the warnings of its log. */
  const warningsOf = async (env: Record<string, string>): Promise<string[]> => {
    const child = startChild('./service.fixture.js', ['traced'], env, preload);
    assert.equal(await child.closed, 0, child.output());
    const lines = child
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'));
    const parsed = lines.map((line) => JSON.parse(line) as { level: string; message: string });
    return parsed.flatMap(({ level, message }) => (level === 'warn' ? [message] : []));
  };

  const answers: [string, OtlpAnswer, RegExp][] = [
    ['refuses the login', { status: 401, body: 'no' }, /HTTP 401 Unauthorized; spans are lost/],
    ['has no such path', { status: 404, body: '' }, /HTTP 404 Not Found/],
    ['is overloaded', { status: 503, body: '' }, /HTTP 429, 502, 503 or 504 at every attempt/],
    [
      'rejects spans',
      { status: 200, body: '{"partialSuccess":{"rejectedSpans":1,"errorMessage":"too old"}}' },
      /1 spans were rejected: too old/,
    ],
  ];
  for (const [what, answer, reason] of answers) {
    test(`a receiver that ${what} is one warning, without credentials`, async (t) => {
      const { env } = await startOtlpReceiver(t, answer);
      const endpoint = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT.replace('//', '//user:s3cret@');
      const timeout = { OTEL_EXPORTER_OTLP_TIMEOUT: '300' };
      const warnings = await warningsOf({ ...env, ...timeout, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint });
      assert.equal(warnings.length, 1, warnings.join('\n'));
      assert.match(warnings[0] ?? '', /^traces could not be exported to http:\/\/127\.0\.0\.1:\d+\/v1\/traces: /);
      assert.match(warnings[0] ?? '', reason);
    });
  }

  test('nothing at the address is one warning', async () => {
    const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:9', OTEL_EXPORTER_OTLP_TIMEOUT: '300' };
    const warnings = await warningsOf(env);
    assert.equal(warnings.length, 1, warnings.join('\n'));
    assert.match(warnings[0] ?? '', /^traces could not be exported to http:\/\/127\.0\.0\.1:9: .*ECONNREFUSED/);
  });

  test('variables that cannot work are named at the start, and the service serves without traces', async () => {
    for (const env of [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/xml' },
      { OTEL_EXPORTER_OTLP_ENDPOINT: '127.0.0.1:9' },
    ]) {
      const warnings = await warningsOf(env);
      assert.equal(warnings.length, 1, warnings.join('\n'));
      assert.match(warnings[0] ?? '', /^OpenTelemetry: traces, metrics and logs are off: OTEL_EXPORTER_OTLP_/);
    }
  });
});
