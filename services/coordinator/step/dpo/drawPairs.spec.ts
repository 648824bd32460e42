// The order in which steps draw pairs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at } from '@gapo/numeric';
import type { PairRecord } from '@gapo/run-data';
import { drawPairs } from './dpo.js';

test('a step draws more pairs until every objective has a label, and the position determines which ones', () => {
  const text = { promptIds: [1], completionIds: [2] };
  const pairs = Array.from({ length: 10 }, (_, i): PairRecord => ({
    chosen: text,
    rejected: text,
    labels: [1, i === 4 ? -1 : 0],
  }));
  const list = { length: pairs.length, get: (index: number) => at(pairs, index) };
  let position = 0;
  const seen: PairRecord[] = [];
  for (let step = 0; step < 20; step++) {
    const drawn = drawPairs(list, 3, position, 2);
    assert.ok(drawn.length >= 2 && drawn.some(({ labels }) => labels[1] !== 0));
    assert.ok(drawn.length === 2 || drawn.slice(0, -1).every(({ labels }) => labels[1] === 0));
    position += drawn.length;
    seen.push(...drawn);
  }
  for (const pair of pairs) assert.ok(Math.abs(seen.filter((other) => other === pair).length - seen.length / 10) <= 1);
});
