/**
 * `gapo reward train` on the generator's pairs: it learns the rubric's order, and nothing from shuffled labels.
 *
 * The generator samples its labels, so no model agrees with more than 84 % of the harmless ones. These tests label pairs by
 * the rubric itself, which a model can learn.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { uniform } from '@gapo/numeric';
import { type FitEvent, type Quality, fit } from '@gapo/training';
import { type PreferencePair, preferencePairs } from '../language/corpus.js';

const tokenizer = fileURLToPath(new URL('../../tokenizer', import.meta.url));
const pairs = preferencePairs('harmless', 7, 6000);

/** Fits an embedding bag on pairs, swapped where `turned` is true. Returns its quality on the held-out 30 %. */
async function fitted(t: TestContext, turned: (pair: PreferencePair, index: number) => boolean): Promise<Quality> {
  const directory = await mkdtemp(join(tmpdir(), 'gapo-reward-fit-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const data = join(directory, 'pairs.jsonl');
  const lines = pairs.map((pair, index) => {
    const [chosen, rejected] = turned(pair, index) ? [pair.rejected, pair.chosen] : [pair.chosen, pair.rejected];
    return JSON.stringify({ prompt: pair.prompt, chosen, rejected });
  });
  await writeFile(data, lines.join('\n'));
  const events: FitEvent[] = [];
  await fit(
    {
      data: [data],
      out: join(directory, 'out'),
      objective: 'harmless',
      start: { tokenizer },
      epochs: 3,
      batch: 32,
      microBatch: 32,
      learningRate: 1e-2,
      heldOut: 0.3,
      maxTokens: 128,
      overlong: 'truncate-left',
      seed: 0,
      threads: 1,
      device: 'cpu',
    },
    (event) => void events.push(event),
    () => Promise.resolve(false),
  );
  const end = events.at(-1);
  assert.ok(end?.event === 'end' && end.quality !== null && end.quality.pairs >= 1800);
  return end.quality;
}

test('pairs in the order of the rubric: at least 90 % of held-out pairs, with calibrated probabilities', async (t) => {
  const { accuracy, calibrationError } = await fitted(t, ({ margin }) => margin < 0);
  assert.ok(accuracy.value >= 0.9, `accuracy ${accuracy.value}`);
  assert.ok(calibrationError < 0.05, `calibration error ${calibrationError}`);
});

test('pairs in shuffled order: half of the held-out pairs', async (t) => {
  const { accuracy, logLoss } = await fitted(t, (_, index) => uniform(1, index) < 0.5);
  assert.ok(Math.abs(accuracy.value - 0.5) <= 0.05, `accuracy ${accuracy.value}`);
  assert.ok(logLoss > Math.LN2, 'what was learned by heart is worse than knowing nothing');
});
