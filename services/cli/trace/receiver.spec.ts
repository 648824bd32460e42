/** Traces sent over OTLP/HTTP are written to the file, buffered ones first. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { startTraceReceiver } from './receiver.js';

const body = (name: string): string => JSON.stringify({ resourceSpans: [{ name }] }, null, 2);

test('each request is one line, in the order of arrival', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'gapo-trace-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const receiver = await startTraceReceiver();
  assert.equal(receiver.env['OTEL_EXPORTER_OTLP_PROTOCOL'], 'http/json');
  const url = `${receiver.env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? ''}/v1/traces`;
  const post = async (data: string | Buffer, headers: Record<string, string> = {}): Promise<number> => {
    const init = {
      method: 'POST',
      body: typeof data === 'string' ? data : new Uint8Array(data),
      headers: { 'content-type': 'application/json', ...headers },
    };
    return (await fetch(url, init)).status;
  };
  assert.equal(await post(body('before')), 200);
  const path = join(dir, 'run/trace.jsonl');
  receiver.writeTo(path);
  assert.equal(await post(gzipSync(body('zipped')), { 'content-encoding': 'gzip' }), 200);
  assert.equal(await post('{"resourceSpans": '), 400);
  assert.equal((await fetch(url.replace('traces', 'logs'), { method: 'POST', body: '{}' })).status, 404);
  assert.equal(await post(body('last')), 200);
  await receiver.close();
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  const names = lines.map((line) => (JSON.parse(line) as { resourceSpans: { name: string }[] }).resourceSpans[0]?.name);
  assert.deepEqual(names, ['before', 'zipped', 'last']);
});
