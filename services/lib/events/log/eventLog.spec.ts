/** The log of a run: torn lines, a disk that refuses, ids that repeat, segments and their compaction. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fieldNames } from '@gapo/rpc';
import { createEvent } from '../cloudEvent.js';
import type { EventError } from '../eventError.js';
import { defaultLimits, EventLog, type LogOptions } from './eventLog.js';
import { lastingKinds, partKinds } from './kinds.js';
import { LogReader } from './logReader.js';

interface TestLog {
  readonly log: EventLog;
  readonly directory: string;
  readonly errors: EventError[];
}

function open(t: TestContext, options: Partial<LogOptions> = {}): TestLog {
  const errors: EventError[] = [];
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'gapo-log-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const log = new EventLog({
    directory,
    assertWritable: () => undefined,
    limits: defaultLimits,
    copied: true,
    onError: (error) => errors.push(error),
    ...options,
  });
  return { log, directory, errors };
}

function appendState(log: EventLog, id: string, reason = ''): boolean {
  const place = { source: 'gapo/test', runId: 'a', id, sequence: log.last + 1 };
  return log.append(createEvent(place, 'state', { from: '', to: id, reason }), id);
}

function appendPart(log: EventLog, id: string): boolean {
  const place = { source: 'gapo/test', runId: 'a', id, sequence: log.last + 1 };
  return log.append(createEvent(place, 'rollout', { step: 1, shard: 0 }), id);
}

async function idsIn(log: EventLog, after = 0): Promise<string[]> {
  const reader = new LogReader(log, after, (error) => assert.fail(error.message));
  const ids: string[] = [];
  for (let events = await reader.next(log.last); events.length > 0; events = await reader.next(log.last)) {
    ids.push(...events.map(({ event }) => event.id.slice('a/'.length)));
  }
  return ids;
}

const small = { segmentBytes: 1000, completeSegments: 2, mostComplete: 4 };

test('every published kind has a place', () => {
  const kinds = fieldNames('gapo.events.v1.RunEvent').filter((kind) => kind !== 'progress');
  assert.deepEqual([...partKinds, ...lastingKinds].sort(), [...kinds].sort());
});

test('a log is continued where it ended; an incomplete line is removed first', async (t) => {
  const { log, directory } = open(t);
  appendState(log, '1');
  appendState(log, '2');
  const file = join(directory, String(readdirSync(directory)[0]));
  appendFileSync(file, '{"specversion":"1.0","id":"a/sta');
  const { log: next, errors } = open(t, { directory });
  assert.match(
    errors.map(({ message }) => message).join(),
    /000000000001\.jsonl: 32 bytes of an incomplete line were removed/,
  );
  assert.equal(next.last, 2);
  assert.equal(appendState(next, '2'), false, 'the id is in the log');
  assert.equal(appendState(next, '3'), true);
  assert.deepEqual(await idsIn(next), ['state/1', 'state/2', 'state/3']);
  assert.deepEqual(await idsIn(next, 2), ['state/3']);
  assert.equal(next.newest('state')?.data.to, '3');
  assert.equal(next.newest('step'), undefined);
  assert.equal(next.find('state', '2')?.id, 'a/state/2');
  assert.equal(next.find('state', '9'), undefined);
});

test('a line that was damaged is left out by name, and the others are read', async (t) => {
  const { log, directory } = open(t);
  for (const id of ['1', '2', '3']) appendState(log, id);
  const file = join(directory, String(readdirSync(directory)[0]));
  writeFileSync(file, readFileSync(file, 'utf8').replace('"type":"gapo.v1.state","subject":"a"', '"type"'));
  const { log: next } = open(t, { directory });
  const errors: EventError[] = [];
  const events = await new LogReader(next, 0, (error) => errors.push(error)).next(next.last);
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    [2, 3],
  );
  assert.match(String(errors[0]?.message), /000000000001\.jsonl: a line is not an event and is left out/);
});

test('damaged lines do not keep a log from being opened', (t) => {
  const { log, directory } = open(t);
  for (const id of ['1', '2', '3']) appendState(log, id);
  const file = join(directory, String(readdirSync(directory)[0]));
  const [first = '', second = '', third = ''] = readFileSync(file, 'utf8').split('\n');
  // An invalid JSON escape, and a line truncated within its data.
  writeFileSync(file, `${first.replace('a/state/1', 'a/state/\\x')}\n${second}\n${third.slice(0, -5)}\n`);
  const { log: next } = open(t, { directory });
  assert.equal(next.newest('state')?.id, 'a/state/2');
  assert.equal(next.has('state', '1'), false);
  assert.equal(next.newest('state')?.id, 'a/state/2'); // now from its index
  assert.equal(next.find('state', '3'), undefined);
});

test('what the disk refuses is held in memory and written in order once it can be', async (t) => {
  let mayWrite = true;
  const assertWritable = (): void => {
    if (!mayWrite) throw new Error('no space');
  };
  const { log, errors } = open(t, { assertWritable });
  appendState(log, '1');
  mayWrite = false;
  appendState(log, '2');
  appendPart(log, '1.0.0');
  await assert.rejects(log.flush(), /2 events of .* are held in memory until it can be written/);
  assert.deepEqual(await idsIn(log), ['state/1']);
  assert.equal(log.find('state', '2')?.id, 'a/state/2');
  mayWrite = true;
  assert.equal(await log.flush(), 3);
  assert.deepEqual(await idsIn(log), ['state/1', 'state/2', 'rollout/1.0.0']);
  assert.deepEqual(
    errors.map(({ code }) => code),
    ['unwritten', 'unwritten'],
    'said once when it began and once when it ended',
  );
});

test('old segments lose the events of parts once the stream has them; the rest of the run stays', async (t) => {
  const { log, directory } = open(t, { limits: small });
  for (let step = 1; step <= 12; step++) {
    appendPart(log, `${step}.0.0`);
    appendState(log, String(step), 'x'.repeat(300));
    log.noteCopied(log.last);
  }
  await log.close();
  const ids = await idsIn(log);
  assert.deepEqual(
    ids.filter((id) => id.startsWith('state/')),
    [...Array(12).keys()].map((i) => `state/${i + 1}`),
  );
  const parts = ids.filter((id) => id.startsWith('rollout/'));
  assert.ok(parts.length > 0 && parts.length < 12, `${parts.length} parts are left`);
  assert.equal(parts.at(-1), 'rollout/12.0.0');
  assert.ok(readdirSync(directory).some((name) => name.endsWith('.compacted.jsonl')));
  const { log: next } = open(t, { directory, limits: small });
  assert.deepEqual(await idsIn(next), ids);
  assert.equal(next.last, 24);
});

test('parts that the stream does not have are kept longer, but not indefinitely', async (t) => {
  const { log } = open(t, { limits: small });
  for (let step = 1; step <= 30; step++) {
    appendPart(log, `${step}.0.0`);
    appendState(log, String(step), 'x'.repeat(300));
  }
  await log.close();
  const uncompacted = log.segments.filter(({ compacted }) => !compacted).length;
  assert.ok(uncompacted <= small.mostComplete + 1, `${uncompacted} segments have parts`);
  assert.equal((await idsIn(log)).filter((id) => id.startsWith('state/')).length, 30);
});

test('a reader continues through compaction and new segments', async (t) => {
  const { log } = open(t, { limits: small });
  const reader = new LogReader(log, 0, (error) => assert.fail(error.message));
  const read: number[] = [];
  for (let step = 1; step <= 20; step++) {
    appendPart(log, `${step}.0.0`);
    appendState(log, String(step), 'x'.repeat(300));
    for (const { sequence } of await reader.next(log.last)) read.push(sequence);
    log.noteCopied(log.last);
  }
  while (read.length < 40) {
    const events = await reader.next(log.last);
    assert.notEqual(events.length, 0);
    for (const { sequence } of events) read.push(sequence);
  }
  assert.deepEqual(
    read,
    [...Array(40).keys()].map((i) => i + 1),
  );
});
