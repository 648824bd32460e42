/** Services for tests, one for each way in which a service ends: the first argument selects it. */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import {
  attributeNames,
  contextOfRun,
  count,
  observeWith,
  record,
  recordEvent,
  spanNames,
  withSpan,
} from '@gapo/tracing';
import { trace } from '@opentelemetry/api';
import { logger } from './logger.js';
import { runService, type RunningService } from './service.js';
import { UserError } from './userError.js';

const say = (text: string) => void process.stdout.write(`${text}\n`);
const idle = { stop: () => say('stop called') };

const ways: Record<string, (signal: AbortSignal) => Promise<RunningService>> = {
  serving: () => Promise.resolve({ ...idle, address: '127.0.0.1:1' }),
  userError: () => Promise.reject(new UserError('run.yaml: found nothing, expected a file; create it')),
  expectedObject: () => Promise.reject(Object.assign(new Error('port 1: taken; choose another'), { expected: true })),
  defect: () => Promise.reject(new Error('a defect', { cause: new Error('its cause') })),
  uncaught: () => {
    setImmediate(() => {
      throw new Error('thrown in a callback');
    });
    return Promise.resolve(idle);
  },
  unhandled: () => {
    void Promise.reject(new UserError('not awaited: what, where, what to do'));
    return Promise.resolve(idle);
  },
  stuck: () =>
    Promise.resolve({
      stop: () => new Promise(() => say('stop called')),
      stopTimeoutMs: process.argv[3] === 'short' ? 50 : 600_000,
    }),
  // Logs a lot while it stops, then leaves a file. With `end` it stops on its own.
  logging: () => {
    const log = logger('fixture');
    const stop = () => {
      for (let i = 0; i < 100; i++) log.info('stopping');
      writeFileSync(process.argv[3] ?? '', '');
    };
    return Promise.resolve({ stop, ...(process.argv[4] === 'end' && { done: Promise.resolve() }) });
  },
  stopFails: () => Promise.resolve({ stop: () => Promise.reject(new Error('cannot stop')) }),
  starting: (signal) =>
    new Promise((_resolve, reject) => {
      // Keeps the process alive as a real start would.
      const busy = setInterval(() => undefined, 1000);
      signal.addEventListener('abort', () => {
        clearInterval(busy);
        reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
      });
      say('starting');
    }),
  traced: async () => {
    await withSpan(spanNames.step, {}, () => undefined);
    return { ...idle, done: Promise.resolve() };
  },
  // Measures, logs and records events in a trace of a run, then serves until it is stopped. A run ends with SIGUSR2.
  measured: async () => {
    count('refused', 2, { reason: 'token' });
    count('refused', 1, { reason: 'role' });
    count('refused', NaN, { reason: 'role' });
    record('rpcServerDuration', 0.03, { rpcSystem: 'grpc', rpcMethod: 'a.B/C', rpcStatus: 'OK' });
    record('rpcServerDuration', 7, { rpcSystem: 'grpc', rpcMethod: 'a.B/C', rpcStatus: 'OK' });
    const unobserve = observeWith((observe) => {
      for (const objective of ['short', 'a "quoted"\nname']) {
        observe('rewardMean', -0.25, { runId: 'one', objective });
        observe('rewardDeviation', NaN, { runId: 'one', objective });
      }
    });
    // Two sources of one series add up, and a failing source does not affect the others.
    for (const length of [3, 4]) observeWith((observe) => observe('rewardQueue', length));
    observeWith(() => Promise.reject(new Error('a source failed')));
    process.once('SIGUSR2', () => {
      unobserve();
      say('run ended');
    });
    const log = logger('fixture');
    const inRun = { parent: contextOfRun('one') };
    const attributes = { [attributeNames.runId]: 'one' };
    await withSpan(
      spanNames.step,
      attributes,
      () => {
        log.warn({ step: 3, odd: { a: 1 }, error: new TypeError('no') }, 'inside');
        recordEvent('evaluationResult', { evaluationName: 'short', evaluationScore: 0.5, responseId: '3.0.1' });
      },
      inRun,
    );
    log.info({ run: 'two' }, 'outside');
    say('measured');
    return idle;
  },
  modules: () => {
    const loaded = Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes('sdk-node'));
    say(
      `telemetry ${trace.getTracer('fixture').startSpan('probe').isRecording() ? 'on' : 'off'}, sdk ${loaded ? 'loaded' : 'not loaded'}`,
    );
    return Promise.resolve({ ...idle, done: Promise.resolve() });
  },
};

const way = ways[process.argv[2] ?? ''] ?? ways['defect'];
await runService({
  name: 'gapo-fixture',
  ...(process.env['HELP'] === undefined ? {} : { help: process.env['HELP'] }),
  start: ({ signal }) => way?.(signal) ?? Promise.resolve(idle),
  telemetryTimeoutMs: process.argv[3] === 'short' ? 500 : 600_000,
});
