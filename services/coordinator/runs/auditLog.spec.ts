// Entries for changes made while the disk was full: none is missing or duplicated once there is room.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { verifyAudit, type AuditEntry } from '@gapo/access';
import { injectFaults } from '@gapo/faults';
import { UserError } from '@gapo/service';
import { temporaryDirectory } from '@gapo/service/testing';
import { AuditLog, type AuditRecord } from './auditLog.js';

const by = { name: 'ada', peer: '127.0.0.1:1' };
const record = (action: AuditRecord['action']): AuditRecord => ({ action, by, before: {}, after: {} });

async function logOf(t: TestContext, assertWritable = (): void => undefined) {
  const path = join(await temporaryDirectory(t), 'run');
  await mkdir(path);
  t.after(() => void injectFaults(''));
  const warnings: string[] = [];
  const log = new AuditLog({ path, assertWritable, noteWritten: () => undefined }, (text) => warnings.push(text));
  const actions = (): string[] => {
    const { lines, head } = log.read();
    assert.equal(verifyAudit(lines, head).problem, undefined);
    return lines.map((line) => (JSON.parse(line) as AuditEntry).action);
  };
  return { path, log, warnings, actions };
}

test('an entry that the disk refuses is written, in order, before the next', async (t) => {
  const { path, log, warnings, actions } = await logOf(t);
  log.append(record('pause'));
  injectFaults('file.append[audit.jsonl]=error:ENOSPC@1;file.append[audit.jsonl]=error:ENOSPC@2');
  log.append(record('resume'));
  log.append(record('preference'));
  assert.deepEqual(actions(), ['pause']);
  assert.equal(warnings.length, 1);
  assert.match(
    warnings[0] ?? '',
    /audit\.jsonl: cannot be written: .*ENOSPC.*; the change was made, and is recorded once/,
  );
  assert.ok(warnings[0]?.startsWith(path));
  log.append(record('cancel'));
  assert.deepEqual(actions(), ['pause', 'resume', 'preference', 'cancel']);
});

test('an entry whose head the disk refuses is not repeated', async (t) => {
  const { log, warnings, actions } = await logOf(t);
  injectFaults('file.rename[audit.head.json]=error:ENOSPC@1');
  log.append(record('pause'));
  assert.equal(warnings.length, 1);
  log.close();
  assert.deepEqual([actions(), warnings.length], [['pause'], 1]);
});

test('entries that the disk never accepts are reported', async (t) => {
  const { log, warnings, actions } = await logOf(t);
  injectFaults('file.append[audit.jsonl]=error:ENOSPC');
  log.append(record('pause'));
  log.close();
  assert.deepEqual(actions(), []);
  assert.match(warnings[1] ?? '', /ENOSPC.*; the audit log lacks pause by ada$/);
});

test('a coordinator that has lost the directory appends nothing', async (t) => {
  const lost = (): void => {
    throw new UserError('another coordinator has taken over');
  };
  const { log, warnings, actions } = await logOf(t, lost);
  assert.throws(() => log.append(record('pause')), /has taken over/);
  assert.deepEqual([actions(), warnings], [[], []]);
});
