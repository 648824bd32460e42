/** Metrics and logs of a real process: scraped over HTTP, and sent to a receiver over OTLP. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startChild } from './child.fixture.js';
import { scrape } from './exposition.fixture.js';
import { startOtlpReceiver } from './otlpReceiver.fixture.js';
import { takenAddress } from './testing.fixture.js';

const preload = ['--import', import.meta.resolve('@gapo/tracing/preload')];
const scraped = { LISTEN_METRICS: '127.0.0.1:0' };
const listening = /"metrics":"(127\.0\.0\.1:\d+)"/;

describe('metrics', () => {
  test('one process serves its metrics to Prometheus, and sends them to a receiver with its logs and events', async (t) => {
    const receiver = await startOtlpReceiver(t);
    const child = startChild('./service.fixture.js', ['measured'], { ...receiver.all, ...scraped }, preload);
    const [, address = ''] = await child.waitForOutput(listening);
    await child.waitForOutput(/measured/);
    const first = await scrape(address);
    assert.equal(first.contentType, 'text/plain; version=0.0.4; charset=utf-8');
    assert.equal(first.value('gapo_refused_total', { gapo_reason: 'token' }), 2);
    assert.equal(first.value('gapo_refused_total', { gapo_reason: 'role' }), 1);
    assert.equal(first.types.get('gapo_refused_total'), 'counter');
    const call = { rpc_method: 'a.B/C', rpc_response_status_code: 'OK' };
    assert.equal(first.types.get('rpc_server_call_duration'), 'histogram');
    assert.equal(first.value('rpc_server_call_duration_count', call), 2);
    assert.equal(first.value('rpc_server_call_duration_sum', call), 7.03);
    assert.equal(first.value('rpc_server_call_duration_bucket', { ...call, le: '0.05' }), 1);
    assert.equal(first.value('rpc_server_call_duration_bucket', { ...call, le: '7.5' }), 2);
    assert.equal(first.value('gapo_reward_queue_length'), 7);
    const reward = { rl_run_id: 'one', gapo_objective: 'a "quoted"\nname' };
    assert.equal(first.value('rl_environment_reward_mean', reward), -0.25);
    // NaN is not reported as a value.
    assert.ok(!first.text.includes('gapo_reward_deviation') && !first.text.includes('NaN'));
    assert.ok(first.value('process_memory_usage') > 10e6);
    assert.equal(first.types.get('process_cpu_time_total'), 'counter');
    assert.ok(first.value('process_cpu_time_total', { cpu_mode: 'user' }) > 0);
    assert.ok(!first.text.includes('service.fixture'), 'no arguments of the process');

    child.kill('SIGUSR2');
    await child.waitForOutput(/run ended/);
    const second = await scrape(address);
    assert.ok(!second.text.includes('rl_run_id'), second.text);
    assert.equal(second.value('gapo_reward_queue_length'), 7);
    assert.equal((await fetch(`http://${address}/`)).status, 404);
    assert.equal((await fetch(`http://${address}/metrics`, { method: 'POST' })).status, 405);

    const step = await receiver.span(({ name }) => name === 'rl.loop');
    const refused = await receiver.point(({ metric, value }) => metric === 'gapo.refused' && value === 2);
    assert.deepEqual(refused, {
      service: 'gapo-service',
      metric: 'gapo.refused',
      unit: '{refusal}',
      instrument: 'counter',
      attributes: { 'gapo.reason': 'token' },
      value: 2,
    });
    const mean = await receiver.point(({ metric }) => metric === 'rl.environment.reward.mean');
    assert.deepEqual([mean.instrument, mean.value, mean.attributes['rl.run.id']], ['gauge', -0.25, 'one']);

    const inside = await receiver.record(({ body }) => body === 'inside');
    const { 'exception.stacktrace': stack, ...attributes } = inside.attributes;
    assert.match(String(stack), /TypeError: no\n/);
    assert.deepEqual(
      { ...inside, attributes },
      {
        service: 'gapo-service',
        scope: 'fixture',
        eventName: '',
        severity: 'warn',
        body: 'inside',
        traceId: step.traceId,
        attributes: {
          'rl.run.id': 'one',
          'rl.loop.iteration': 3,
          'gapo.log.odd': '{"a":1}',
          'exception.type': 'TypeError',
          'exception.message': 'no',
        },
      },
    );
    const outside = await receiver.record(({ body }) => body === 'outside');
    assert.deepEqual([outside.traceId, outside.attributes['rl.run.id']], ['', 'two']);
    const score = await receiver.record(({ eventName }) => eventName === 'gen_ai.evaluation.result');
    assert.equal(score.traceId, step.traceId);
    assert.equal(score.attributes['gen_ai.evaluation.score.value'], 0.5);
    const [line = ''] = child
      .output()
      .split('\n')
      .filter((one) => one.includes('"inside"'));
    const { trace_id, run } = JSON.parse(line) as Record<string, unknown>;
    assert.deepEqual([trace_id, run], [step.traceId, 'one']);
    child.kill('SIGTERM');
    assert.equal(await child.closed, 0, child.output());
  });

  test('metrics need no preload, and an address that is taken ends the start', async (t) => {
    const child = startChild('./service.fixture.js', ['measured'], scraped);
    const [, address = ''] = await child.waitForOutput(listening);
    await child.waitForOutput(/measured/);
    assert.equal((await scrape(address)).value('gapo_refused_total', { gapo_reason: 'token' }), 2);
    child.kill('SIGTERM');
    assert.equal(await child.closed, 0, child.output());
    const taken = await takenAddress(t);
    const refused = startChild('./service.fixture.js', ['measured'], { LISTEN_METRICS: taken });
    assert.equal(await refused.closed, 2);
    assert.match(refused.output(), new RegExp(`^LISTEN_METRICS: cannot listen on ${taken}: .*EADDRINUSE`, 'm'));
  });

  test('a receiver of traces alone is a warning about metrics and one about logs', async (t) => {
    const receiver = await startOtlpReceiver(t, { status: 404, body: '' });
    const child = startChild(
      './service.fixture.js',
      ['measured'],
      { ...receiver.all, OTEL_TRACES_EXPORTER: 'none' },
      preload,
    );
    await child.waitForOutput(
      /metrics could not be exported to http:\/\/127\.0\.0\.1:\d+: HTTP 404 Not Found; the next export has their sums/,
    );
    await child.waitForOutput(/logs could not be exported to .*HTTP 404 Not Found; records are lost, lines are not/);
    child.kill('SIGTERM');
    assert.equal(await child.closed, 0, child.output());
  });
});
