// Completions are written in the background: a step waits only for those of the step before, and a failed write
// never stops training.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { StepSamples } from '../../data/keptSamples.js';
import type { KeptStep } from './sampleFiles.js';
import { SampleRecorder } from './sampleRecorder.js';

const stepOf = (step: number): StepSamples => ({
  step,
  version: step - 1,
  sampled: 8,
  kept: [
    {
      sample: { prompt: 0, sample: 1, promptIds: [1], tokenIds: [step], logprobs: Float32Array.of(-1, -0.5), finished: false },
      promptId: 'ab'.repeat(8),
      promptText: 'say',
      scores: [{ objective: 'short', score: 1 }],
      advantage: undefined,
      tokenAdvantages: [[0.123456, -2]],
    },
  ],
}); // prettier-ignore

/** A recorder that decodes tokens when the test tells it to. */
function recorded() {
  const waiting: ((text: string) => void)[] = [];
  const written: KeptStep[] = [];
  const logged: string[] = [];
  let refuses = false;
  const recorder = new SampleRecorder({
    runId: 'a',
    limits: { perStep: 8, keep: 4 },
    tokens: {
      decodeAll: () => new Promise((resolve) => waiting.push((text) => resolve([text]))),
      piecesOfAll: async (rows) => rows.map((ids) => ids.map(String)),
    },
    files: {
      write: async (record) => {
        if (refuses) throw new Error('no room');
        written.push(record);
      },
    },
    log: { warn: (_, message) => void logged.push(message), info: (_, message) => void logged.push(message) },
  }); // prettier-ignore
  return { recorder, waiting, written, logged, refuse: (does: boolean) => (refuses = does) };
}

test('a step waits for the completions of the one before, not for its own', async () => {
  const { recorder, waiting, written } = recorded();
  await recorder.record(stepOf(1));
  let second = false;
  const recording = recorder.record(stepOf(2)).then(() => (second = true));
  for (let turn = 0; turn < 5; turn++) await eventLoopTurn();
  assert.deepEqual([second, waiting.length, written.length], [false, 1, 0]);
  waiting[0]?.('one');
  await recording;
  assert.deepEqual(written.map(({ step }) => step), [1]); // prettier-ignore
  waiting[1]?.('two');
  await recorder.settled();
  const { samples, tokens: tokenLists, ...rest } = written[1] ?? ({} as KeptStep);
  assert.deepEqual(rest, { step: 2, version: 1, sampled: 8 });
  const [{ completion, finished, tokens, logprob, cut } = {}] = samples;
  assert.deepEqual([completion, finished, tokens, logprob, cut], ['two', false, 1, -1.5, false]);
  assert.deepEqual(tokenLists, [[{ text: '2', logprob: -1, advantages: [0.1235, -2] }]]);
});

test('a text that is too long is cut between characters', async () => {
  const { recorder, waiting, written } = recorded();
  await recorder.record(stepOf(1));
  waiting[0]?.(`${'a'.repeat(16_383)}👋 and more`);
  await recorder.settled();
  const [sample] = written[0]?.samples ?? [];
  assert.deepEqual([sample?.completion, sample?.cut], ['a'.repeat(16_383), true]);
});

test('completions that cannot be kept are logged once, until they can be kept again', async () => {
  const { recorder, waiting, written, logged, refuse } = recorded();
  for (const step of [1, 2, 3]) {
    refuse(step < 3);
    await recorder.record(stepOf(step));
    waiting[step - 1]?.('text');
    await recorder.settled();
  }
  assert.deepEqual(written.map(({ step }) => step), [3]); // prettier-ignore
  assert.deepEqual(logged, [
    'the completions of step 1 were not kept: no room; training continues',
    'completions are kept again, from step 3 on',
  ]);
});
