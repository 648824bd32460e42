/** Widths, numbers and sparklines. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { count, duration, fixed, orNull, percent, signed, significant } from './numbers.js';
import { sparkline } from './sparkline.js';
import { displayWidth, fit, oneLine, padEnd } from './width.js';

test('wide characters take two columns, combining marks none', () => {
  assert.equal(displayWidth('abc'), 3);
  assert.equal(displayWidth('有用'), 4);
  assert.equal(displayWidth('e\u0301'), 1);
  assert.equal(displayWidth('👩‍💻'), 2);
});

test('a text is truncated between graphemes and marked', () => {
  assert.equal(fit('reward', 6), 'reward');
  assert.equal(fit('reward', 4), 'rew…');
  assert.equal(fit('有用性', 4), '有…');
  assert.equal(padEnd('有用性', 6), '有用性');
  assert.equal(padEnd('ab', 4), 'ab  ');
});

test('a completion becomes one line without control characters', () => {
  assert.equal(oneLine(' a\nb\tc\u001b[2J '), 'a⏎ b c[2J');
});

test('unknown numbers are n/a, and null in JSON', () => {
  for (const show of [(x: number) => fixed(x, 2), significant, percent, count, duration, (x: number) => signed(x, 2)]) {
    assert.equal(show(NaN), 'n/a');
  }
  assert.equal(orNull(Infinity), null);
  assert.equal(orNull(undefined), null);
  assert.equal(orNull(0), 0);
});

test('numbers are short and keep their sign', () => {
  assert.equal(fixed(-0.0001, 2), '0.00');
  assert.equal(signed(0.25, 2), '+0.25');
  assert.equal(signed(-0.25, 2), '-0.25');
  assert.equal(significant(0.0000123), '1.2e-5');
  assert.equal(significant(1234.5), '1230');
  assert.equal(count(12345), '12,345');
  assert.deepEqual([2.25, 65, 3725].map(duration), ['2.3 s', '1 min 5 s', '1 h 2 min']);
});

test('a sparkline spans its values and leaves gaps for missing ones', () => {
  assert.equal(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8), '▁▂▃▄▅▆▇█');
  assert.equal(sparkline([1, NaN, 2], 8), '▁ █');
  assert.equal(sparkline([3, 3], 8), '▅▅');
  assert.equal(sparkline([], 8), '');
  assert.equal(
    sparkline(
      Array.from({ length: 100 }, (_, i) => i),
      4,
    ).length,
    4,
  );
});
