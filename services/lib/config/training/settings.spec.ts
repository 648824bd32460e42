/** Training settings: fixed defaults, and those that depend on other settings. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { finetuningSettings } from './finetuningSettings.js';
import { fitSettings } from './fitSettings.js';

const tuned = { data: ['a.jsonl'], out: 'out', model: 'model' };
const fitted = { data: ['a.jsonl'], out: 'out', objective: 'kind' };
const [decoder, tokenizer] = [{ decoder: 'model' }, { tokenizer: 'tokenizer.json' }];

test('a fine-tuning has these defaults', () => {
  const { threads, ...settings } = finetuningSettings.parse(tuned);
  assert.ok(threads >= 1 && threads <= 4);
  assert.deepEqual(settings, {
    ...tuned,
    epochs: 1,
    batch: 16,
    microBatch: 16,
    learningRate: 2e-5,
    schedule: 'cosine',
    warmup: 0.03,
    weightDecay: 0,
    maxGradNorm: 1,
    overlong: 'refuse',
    heldOut: 0.05,
    checkpointEvery: 100,
    seed: 0,
    device: 'cpu',
  });
});

test('reward model training has these defaults, by its starting point', () => {
  const { threads: _, ...settings } = fitSettings.parse({ ...fitted, start: tokenizer });
  const common = { ...fitted, batch: 32, microBatch: 32, heldOut: 0.1, maxTokens: 1024, seed: 0, device: 'cpu' };
  assert.deepEqual(settings, { ...common, overlong: 'truncate-left', start: tokenizer, epochs: 4, learningRate: 1e-2 });
  const full = fitSettings.parse({ ...fitted, start: decoder });
  assert.deepEqual([full.epochs, full.learningRate], [1, 1e-5]);
  const adapted = fitSettings.parse({ ...fitted, start: decoder, lora: { rank: 8 } });
  assert.deepEqual([adapted.epochs, adapted.learningRate], [1, 1e-4]);
});

test('adapters change the default learning rate, and complete settings are unchanged', () => {
  const settings = finetuningSettings.parse({ ...tuned, batch: 4, microBatch: 8, lora: { rank: 8 } });
  assert.deepEqual(settings.lora, { rank: 8, alpha: 16 });
  assert.deepEqual([settings.learningRate, settings.microBatch], [2e-4, 4]);
  assert.deepEqual(finetuningSettings.parse(settings), settings);
  const given = { ...settings, learningRate: 1e-3, lora: { rank: 8, alpha: 2, targets: ['q_proj'] } };
  assert.deepEqual(finetuningSettings.parse(given), given);
});
