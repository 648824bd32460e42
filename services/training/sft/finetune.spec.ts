/** A whole fine-tuning on a small model: it learns, goes on bit for bit, and its result is the model that it trained. */
import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { FinetuningSettings } from '@gapo/config';
import { readDecoderModel } from '@gapo/model';
import { isExpected } from '@gapo/service';
import { finetune, type FinetuningEvent } from './finetune.js';
import { settingsFor, workspace } from './testing.fixture.js';

type End = Extract<FinetuningEvent, { event: 'end' }>;

/** Trains until the end, or until so many updates have been made. */
async function run(settings: FinetuningSettings, updates = Infinity): Promise<{ end: End; events: FinetuningEvent[] }> {
  const events: FinetuningEvent[] = [];
  const made = (): number => events.filter(({ event }) => event === 'update').length;
  await finetune(
    settings,
    (event) => void events.push(event),
    () => Promise.resolve(made() >= updates),
  );
  const end = events.at(-1);
  assert.ok(end?.event === 'end');
  return { end, events };
}

const losses = (events: readonly FinetuningEvent[]): number[] =>
  events.flatMap((event) => (event.event === 'update' ? [event.loss] : []));

const weightsOf = (t: TestContext, settings: FinetuningSettings) => readFile(join(settings.out, 'model.safetensors'));

// Adapters beside random weights that stay as they are have little to learn with.
for (const [what, change, most] of [
  ['adapters', {}, 0.95],
  ['every weight', { lora: undefined, learningRate: 5e-3 }, 0.8],
] as const) {
  test(`${what}: losses fall, and an interrupted training ends in the same bytes`, async (t) => {
    const directory = await workspace(t);
    const { lora, ...rest } = { ...settingsFor(directory, { epochs: 6 }), ...change };
    const settings: FinetuningSettings = { ...rest, ...(lora && { lora }) };
    const { end, events } = await run(settings);
    assert.equal(end.finished, true);
    const [first, ...later] = end.heldOutLosses;
    assert.equal(later.length, 6, 'at the start, and after each epoch');
    assert.ok(later.at(-1)! < most * first!, `held out ${first} → ${later.at(-1)}`);
    assert.ok(end.loss! < losses(events)[0]!);
    assert.deepEqual((await readdir(settings.out)).sort(), [
      'config.json',
      'model.safetensors',
      'special_tokens_map.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    assert.equal((await readDecoderModel(settings.out)).sha256, end.sha256);

    const again = { ...settings, out: join(directory, 'again'), checkpointEvery: 2 };
    const stopped = await run(again, 5);
    assert.deepEqual([stopped.end.finished, stopped.end.updates, stopped.end.sha256], [false, 5, null]);
    const resumed = await run(again);
    assert.equal(resumed.events[0]?.event === 'start' && resumed.events[0].done, 5);
    assert.deepEqual([...losses(stopped.events), ...losses(resumed.events)], losses(events));
    assert.deepEqual(resumed.end.heldOutLosses, end.heldOutLosses);
    assert.deepEqual(await weightsOf(t, again), await weightsOf(t, settings));
  });
}

test('pieces of an update add up to it', async (t) => {
  const directory = await workspace(t);
  const whole = await run(settingsFor(directory, { epochs: 1, heldOut: 0 }));
  const pieces = await run(settingsFor(directory, { epochs: 1, heldOut: 0, microBatch: 3, out: join(directory, 'b') }));
  assert.deepEqual(whole.end.heldOutLosses, []);
  losses(whole.events).forEach((loss, i) => {
    const other = losses(pieces.events)[i]!;
    assert.ok(Math.abs(other - loss) < 1e-3 * loss, `update ${i + 1}: ${loss}, in pieces ${other}`);
  });
});

test('the result is the model that was trained: another training starts where this one ended', async (t) => {
  const directory = await workspace(t);
  const first = await run(settingsFor(directory));
  const second = await run(settingsFor(directory, { model: join(directory, 'out'), out: join(directory, 'next') }), 0);
  const [ended, begun] = [first.end.heldOutLosses.at(-1)!, second.end.heldOutLosses[0]!];
  assert.ok(first.end.heldOutLosses[0]! - ended > 0.05);
  assert.ok(Math.abs(begun - ended) < 1e-5 * ended, `${ended} with adapters, ${begun} merged`);
});

test('what cannot be is said before anything is trained', async (t) => {
  const directory = await workspace(t);
  const settings = settingsFor(directory);
  const refused = (change: Partial<FinetuningSettings>, message: RegExp): Promise<void> =>
    assert.rejects(
      run({ ...settings, ...change }),
      (error: unknown) => isExpected(error) && message.test(error.message),
    );
  await refused({ lora: { rank: 2, alpha: 2, targets: ['q_porj'] } }, /the target 'q_porj'; the model has q_proj, /);
  await refused({ out: settings.model }, /already holds .*model\.safetensors.*another directory with --out/);
  await run(settings, 2);
  await refused({ learningRate: 1e-3 }, /is of a training with other settings, data or another model/);
  await writeFile(join(settings.out, '.training/state.json'), '{');
  await refused({}, /is damaged: state\.json cannot be read/);
});
