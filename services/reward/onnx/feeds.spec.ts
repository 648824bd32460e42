/** Padding, the size of runs, and scores from logits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at } from '@gapo/numeric';
import fc from 'fast-check';
import { feedsOf, paddedLength } from './feeds.js';
import { scoreOf } from './logits.js';
import { RunSize } from './runSize.js';

test('padded lengths fit their sequences, grow with them, and pad at most an eighth beyond 64 tokens', () => {
  let before = 0;
  for (let tokens = 1; tokens <= 5000; tokens++) {
    const padded = paddedLength(tokens, 4000);
    assert.ok(padded >= Math.min(tokens, 4000) && padded >= before && padded <= 4000, `${tokens}: ${padded}`);
    if (tokens >= 64) assert.ok(padded <= 1.125 * tokens, `${tokens}: ${padded}`);
    before = padded;
  }
  assert.deepEqual(
    [1, 8, 9, 64, 65, 128, 129, 257].map((tokens) => paddedLength(tokens, 4000)),
    [8, 8, 16, 64, 72, 128, 144, 288],
  );
});

test('sequences are rows, padded on the right; a lone one is repeated', () => {
  const { rows, ids, mask, segments } = feedsOf([{ ids: [5, 6], segments: [0, 1] }], 3, 9);
  assert.equal(rows, 2);
  assert.deepEqual([...ids], [5n, 6n, 9n, 5n, 6n, 9n]);
  assert.deepEqual([...mask], [1n, 1n, 0n, 1n, 1n, 0n]);
  assert.deepEqual([...segments], [0n, 1n, 0n, 0n, 1n, 0n]);
});

test('the size of a run follows the speed of the model and the latency bound', () => {
  const size = new RunSize(1000);
  assert.equal(size.rows(64), 16, 'nothing is known yet');
  for (let run = 0; run < 100; run++) size.ran(1000, 100);
  assert.equal(size.rows(64), Math.floor((10 * 250) / 64), 'ten tokens a millisecond for a quarter of the bound');
  assert.equal(size.rows(100_000), 2, 'a sequence is never alone');
  for (let run = 0; run < 100; run++) size.ran(1_000_000, 1);
  assert.equal(size.rows(64), 256, 'memory is bounded');
});

test('functions of the logits follow their formulas', () => {
  const logit = fc.float({ min: -30, max: 30, noNaN: true });
  fc.assert(
    fc.property(fc.array(logit, { minLength: 2, maxLength: 6 }), fc.nat(5), (logits, drawn) => {
      const label = drawn % logits.length;
      const row = Float64Array.from(logits);
      const exponentials = logits.map(Math.exp);
      const chosen = at(exponentials, label);
      const all = exponentials.reduce((sum, x) => sum + x, 0);
      const close = (found: number, expected: number): void =>
        assert.ok(Math.abs(found - expected) <= 1e-9 * Math.max(1, Math.abs(expected)), `${found}, not ${expected}`);
      assert.equal(scoreOf(row, label, 'none'), row[label]);
      close(scoreOf(row, label, 'sigmoid'), chosen / (1 + chosen));
      close(scoreOf(row, label, 'softmax'), chosen / all);
      const others = exponentials.filter((_, k) => k !== label).reduce((sum, x) => sum + x, 0);
      close(scoreOf(row, label, 'log_odds'), at(row, label) - Math.log(others));
    }),
  );
});
