/** Audit logs of runs, damaged on disk, read as by `gapo audit --verify`. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { verifyAudit } from '@gapo/access';
import { AuditLog } from '@gapo/coordinator/testing';
import fc from 'fast-check';
import { damagedJson } from '../mutations/json.js';
import { damagedText } from '../mutations/texts.js';
import { type OpenTarget, target } from '../target.js';
import { Fault } from '../verdict.js';

const by = { name: 'ada', role: 'operator', peer: '10.0.0.7:4711', identity: 'spiffe://gapo/client' };

export const auditLogs: OpenTarget = async (directory) => {
  const owner = { path: directory, assertWritable: () => undefined, noteWritten: () => undefined };
  const log = new AuditLog(owner, (message) => {
    throw new Fault('disk', message);
  });
  log.append({ action: 'created', by, before: {}, after: { method: 'gapo', objectives: ['a', 'b'] } });
  log.append({ action: 'pause', by, before: { state: 'running', step: 3 }, after: { state: 'paused' } });
  log.append({ action: 'cancel', by, before: { state: 'paused', step: 3 }, after: { state: 'cancelled' } });
  const { lines, head } = log.read();
  const text = lines.map((line) => `${line}\n`).join('');
  const files = { log: join(directory, 'audit.jsonl'), head: join(directory, 'audit.head.json') };
  const headText = `${JSON.stringify(head)}\n`;
  return target(
    fc.oneof(
      fc.record({ log: damagedText([text]), head: fc.constant(headText) }),
      fc.record({
        log: fc.tuple(fc.nat(lines.length - 1), damagedJson([...lines])).map(([at, line]) =>
          lines
            .with(at, line)
            .map((each) => `${each}\n`)
            .join(''),
        ),
        head: fc.constant(headText),
      }),
      fc.record({ log: fc.constant(text), head: damagedJson([headText.trim()]) }),
    ),
    async (damaged: { log: string; head: string }) => {
      await rm(files.head, { force: true });
      await writeFile(files.log, damaged.log);
      await writeFile(files.head, damaged.head);
      const read = log.read();
      const verified = verifyAudit(read.lines, read.head);
      const isWhole = read.lines.join('\n') === lines.join('\n') && JSON.stringify(read.head) === JSON.stringify(head);
      if (!isWhole && damaged.head === headText && verified.problem === undefined) {
        throw new Fault('unnoticed', `a change of the log was not found: ${JSON.stringify(read.lines).slice(0, 300)}`);
      }
      if (isWhole && verified.problem !== undefined)
        throw new Fault('whole', `the whole log has ${JSON.stringify(verified.problem)}`);
      // A coordinator continues writing to the log that it finds.
      log.append({ action: 'resume', by, before: {}, after: {} });
      const after = log.read();
      verifyAudit(after.lines, after.head);
    },
    { place: directory },
  );
};
