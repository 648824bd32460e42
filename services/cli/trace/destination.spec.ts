/**
 * Where traces went. They must not be reported as sent if a service's log says that they were
 * refused.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { exportWarning } from '@gapo/service';
import { otelConfigured, otelDestination } from './destination.js';

test('any OTEL_* variable decides where traces go', () => {
  assert.equal(otelConfigured({ PATH: '/bin' }), false);
  assert.equal(otelConfigured({ OTEL_SDK_DISABLED: 'true' }), true);
  const cases: [Record<string, string>, string][] = [
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, 'sent to http://c:4318 (set by OTEL_*)'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://u:s3cret@c:4318?key=s3cret' }, 'sent to http://c:4318?... (set by OTEL_*)'],
    [{ OTEL_TRACES_EXPORTER: 'none' }, 'off (set by OTEL_*)'],
    [{ OTEL_TRACES_EXPORTER: 'console' }, 'exported by console (set by OTEL_*)'],
    [{ OTEL_SERVICE_NAME: 'x' }, 'off: OTEL_* names no endpoint'],
  ];
  for (const [env, text] of cases) assert.equal(otelDestination([], env), text);
  const wrong = { OTEL_EXPORTER_OTLP_ENDPOINT: 'c:4318' };
  assert.match(otelDestination([], wrong), /^off: OTEL_EXPORTER_OTLP_ENDPOINT: expected a URL/);
});

test('what a log says about refused exports is repeated', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gapo-cli-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const log = (name: string, ...messages: string[]) => {
    const path = join(folder, name);
    writeFileSync(path, messages.map((message) => `${JSON.stringify({ level: 'warn', message })}\n`).join(''));
    return { name, log: path };
  };
  const refused = [
    `${exportWarning} to http://c: HTTP 503`,
    `${exportWarning} to http://c: HTTP 401 Unauthorized`,
    'other',
  ];
  const services = [
    log('rollout', 'ready'),
    log('coordinator', ...refused),
    log('gradient', ...refused),
    { name: 'nats' },
  ];
  assert.equal(
    otelDestination(services, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c' }),
    `not all sent: coordinator (also of gradient): ${exportWarning} to http://c: HTTP 401 Unauthorized`,
  );
});
