// The log of refusals: every refusal is counted, and nobody can fill a disk with them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusalLog } from './transport.js';

test('30 refusals a minute have a line each; the others are counted in one line, also where none follows', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const lines: { fields: Record<string, unknown>; text: string }[] = [];
  const refused = refusalLog({
    warn: (...[fields, text]: unknown[]) =>
      void lines.push({ fields: fields as Record<string, unknown>, text: String(text) }),
  });
  const refuse = (count: number): void => {
    for (let i = 0; i < count; i++) {
      refused({ reason: 'token', peer: '10.0.0.7:4711', name: undefined, path: '/a/B', why: 'it has none' });
    }
  };
  refuse(100);
  assert.equal(lines.length, 30);
  assert.deepEqual(lines.at(-1), {
    fields: { reason: 'token', peer: '10.0.0.7:4711', refused: 30 },
    text: 'refused /a/B: it has none',
  });
  t.mock.timers.tick(60_000);
  assert.deepEqual(lines.at(-1), {
    fields: { refused: 100, unlogged: 70 },
    text: 'refused 70 more in the last minute, not logged one by one',
  });
  refuse(1);
  t.mock.timers.tick(60_000);
  assert.deepEqual([lines.length, lines.at(-1)?.fields['refused']], [32, 101]);
});
