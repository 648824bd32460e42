/** The table, samples and JSON of a result. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EvaluationReport, Interval, Run } from '@gapo/rpc';
import { changedSamples, evaluationSamples, evaluationTable } from './evaluation.js';
import { resultJson } from './result.js';

const interval = (mean: number, low: number, high: number): Interval => ({ mean, low, high });

const report: EvaluationReport = {
  runId: 'a',
  preference: {},
  version: 120,
  prompts: 200,
  objectives: [
    {
      name: 'helpful',
      before: interval(-0.5, -0.6, -0.4),
      after: interval(0.25, 0.125, 0.375),
      difference: interval(0.75, 0.6, 0.9),
      winRate: interval(0.81, 0.7, 0.9),
    },
    {
      name: 'harmless',
      before: interval(1, 0.9, 1.1),
      after: interval(1.5, NaN, NaN),
      difference: interval(0.5, 0.4, 0.6),
      winRate: interval(0.7, 0.6, 0.8),
      acceptableBefore: interval(0.62, 0.5, 0.7),
      acceptableAfter: interval(0.97, 0.9, 1),
    },
  ],
  samples: [
    {
      prompt: 'How do I\nreset it?',
      before: '',
      after: 'Hold the button.',
      scoresBefore: [0, NaN],
      scoresAfter: [1, 2],
    },
  ],
  winRate: interval(0.76, 0.7, 0.82),
  lengthBefore: 12.25,
  lengthAfter: 15,
};

test('the table shows before, after, interval, difference, acceptable shares and win rates', () => {
  assert.deepEqual(evaluationTable(report).split('\n'), [
    'Held-out prompts: 200. Before: the starting policy (version 0). After: version 120.',
    '',
    'objective  before  after  95 % interval   difference  acceptable before  after  win rate',
    'helpful    -0.500  0.250  0.125 to 0.375      +0.750                  -      -      81 %',
    'harmless    1.000  1.500  n/a to n/a          +0.500               62 %   97 %      70 %',
    '',
    'Win rate against the starting policy over all objectives: 76 % (95 %: 70 % to 82 %).',
    'Completion length in tokens: 12.3 before, 15.0 after.',
  ]);
});

test('a sample is three lines, regardless of its line breaks', () => {
  assert.deepEqual(evaluationSamples(report).split('\n'), [
    'prompt  How do I⏎ reset it?',
    'before  (empty)  [helpful 0.00, harmless n/a]',
    'after   Hold the button.  [helpful 1.00, harmless 2.00]',
  ]);
});

test('only samples whose completion changed are shown', () => {
  const sample = (prompt: string, before: string, after: string) => ({
    prompt,
    before,
    after,
    scoresBefore: [],
    scoresAfter: [],
  });
  const samples = [sample('a', 'x', 'x'), sample('b', 'x', 'y'), sample('c', 'x', 'z')];
  const shown = changedSamples({ ...report, samples }, 1);
  assert.match(shown, /^The first held-out prompts whose completion changed:\n\nprompt {2}b\n/);
  assert.doesNotMatch(shown, /prompt {2}[ac]/);
  assert.match(
    changedSamples({ ...report, samples: samples.slice(0, 1) }, 1),
    /no completion changed.*\n\nprompt {2}a/,
  );
});

test('the JSON has null for unknown values, and no acceptable share without a threshold', () => {
  const run = { id: 'a', step: 3, lastStep: null, checkpoint: '', versionSha256: '' } as unknown as Run;
  const result = { run, steps: [], evaluation: report, page: '', trace: null, otherTraces: '', wallSeconds: 1 };
  assert.deepEqual(resultJson(result).objectives, {
    helpful: { before: -0.5, after: 0.25, ci: [0.125, 0.375], difference: 0.75, winRate: 0.81 },
    harmless: {
      before: 1,
      after: 1.5,
      ci: [null, null],
      difference: 0.5,
      winRate: 0.7,
      acceptableBefore: 0.62,
      acceptableAfter: 0.97,
    },
  });
});
