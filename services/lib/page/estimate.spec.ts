// What evaluations say of where preferences land.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toJson } from '@gapo/rpc';
import { knownIn } from '#page/estimate.js';

const names = ['helpful', 'harmless'];

function report(version: number, means: readonly number[], preference: Record<string, number> = {}) {
  const objectives = means.map((mean, k) => ({ name: names[k] ?? '', after: { mean, low: mean, high: mean } }));
  return toJson('gapo.training.v1.EvaluationReport', { version, objectives, preference });
}

test('the newest version counts, with the preference that it was trained for', () => {
  const known = knownIn(names, { helpful: 3, harmless: 1 }, [report(2, [0, 0]), report(4, [1, 2])]);
  assert.deepEqual(known, [{ shares: [0.75, 0.25], rewards: [1, 2] }]);
  assert.deepEqual(knownIn(names, { helpful: 1, harmless: 1 }, [report(4, [1, NaN])]), [], 'what is not known is no 0');
  assert.deepEqual(knownIn(names, {}, []), []);
});

test('a conditioned policy is known at its stated preferences, not at the configured one', () => {
  const reports = [report(2, [9, 9], { helpful: 0.5, harmless: 0.5 }), ...[0, 1].map((helpful) => report(4, [helpful, 2], { helpful, harmless: 1 - helpful }))]; // prettier-ignore
  assert.deepEqual(knownIn(names, { helpful: 0.5, harmless: 0.5 }, reports), [
    { shares: [0, 1], rewards: [0, 2] },
    { shares: [1, 0], rewards: [1, 2] },
  ]);
});
