/** Fine-tuning of a small model: it learns, resumes bit for bit, and writes the model that it trained. */
import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { FinetuningSettings } from '@gapo/config';
import { readDecoderModel } from '@gapo/model';
import { at } from '@gapo/numeric';
import { isExpected } from '@gapo/service';
import { finetune, type FinetuningEvent } from './finetune.js';
import { settingsFor, workspace } from './testing.fixture.js';

type End = Extract<FinetuningEvent, { event: 'end' }>;

/** Trains until the end, or stops after some updates. */
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

// Adapters on frozen random weights cannot learn much.
for (const [what, change, most] of [
  ['adapters', {}, 0.95],
  ['every weight', { lora: undefined, learningRate: 5e-3 }, 0.8],
] as const) {
  test(`${what}: losses fall, and an interrupted run ends in the same bytes`, async (t) => {
    const directory = await workspace(t);
    const { lora, ...rest } = { ...settingsFor(directory, { epochs: 6 }), ...change };
    const settings: FinetuningSettings = { ...rest, ...(lora && { lora }) };
    const { end, events } = await run(settings);
    assert.equal(end.finished, true);
    assert.equal(end.heldOutLosses.length, 7, 'at the start, and after each epoch');
    const [first, last] = [at(end.heldOutLosses, 0), at(end.heldOutLosses, 6)];
    assert.ok(last < most * first, `held out ${first} → ${last}`);
    assert.ok(end.loss !== null && end.loss < at(losses(events), 0));
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

test('the chat template has its variables, and the date at which the run started, also after an interruption', async (t) => {
  const directory = await workspace(t);
  const template =
    "{{ strftime_now('%d %b') }} {{ mood }}{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}";
  await writeFile(join(directory, 'model/chat_template.jinja'), template);
  const settings = settingsFor(directory, { epochs: 1, checkpointEvery: 2, chatTemplateKwargs: { mood: 'calm' } });
  t.mock.timers.enable({ apis: ['Date'], now: Date.UTC(2026, 10, 8, 23, 59) });
  const { end } = await run(settings);
  const again = { ...settings, out: join(directory, 'again') };
  await run(again, 3);
  t.mock.timers.setTime(Date.UTC(2026, 10, 9, 0, 1));
  assert.equal((await run(again)).end.sha256, end.sha256);
  const other = { ...settings, out: join(directory, 'other') };
  assert.notEqual((await run(other)).end.sha256, end.sha256, 'a run that starts on another day');
  t.mock.timers.setTime(Date.UTC(2026, 10, 8));
  const cross = { ...settings, out: join(directory, 'cross'), chatTemplateKwargs: { mood: 'cross' } };
  assert.notEqual((await run(cross)).end.sha256, end.sha256, 'other variables');
});

test('micro-batches add up to the update', async (t) => {
  const directory = await workspace(t);
  const whole = await run(settingsFor(directory, { epochs: 1, heldOut: 0 }));
  const split = await run(settingsFor(directory, { epochs: 1, heldOut: 0, microBatch: 3, out: join(directory, 'b') }));
  assert.deepEqual(whole.end.heldOutLosses, []);
  losses(whole.events).forEach((loss, i) => {
    const other = at(losses(split.events), i);
    assert.ok(Math.abs(other - loss) < 1e-3 * loss, `update ${i + 1}: ${loss}, in micro-batches ${other}`);
  });
});

test('the result is the trained model: a second run starts at the loss where this one ended', async (t) => {
  const directory = await workspace(t);
  const first = await run(settingsFor(directory));
  const second = await run(settingsFor(directory, { model: join(directory, 'out'), out: join(directory, 'next') }), 0);
  const { heldOutLosses } = first.end;
  const [ended, begun] = [at(heldOutLosses, heldOutLosses.length - 1), at(second.end.heldOutLosses, 0)];
  assert.ok(at(heldOutLosses, 0) - ended > 0.05);
  assert.ok(Math.abs(begun - ended) < 1e-5 * ended, `${ended} with adapters, ${begun} merged`);
});

test('invalid settings are refused before anything is trained', async (t) => {
  const directory = await workspace(t);
  const settings = settingsFor(directory);
  const refused = (change: Partial<FinetuningSettings>, message: RegExp): Promise<void> =>
    assert.rejects(
      run({ ...settings, ...change }),
      (error: unknown) => isExpected(error) && message.test(error.message),
    );
  await refused({ lora: { rank: 2, alpha: 2, targets: ['q_porj'] } }, /the target 'q_porj'; the model has q_proj, /);
  await refused({ out: settings.model }, /already contains .*model\.safetensors.*another directory with --out/);
  await run(settings, 2);
  await refused({ learningRate: 1e-3 }, /belongs to a training run with other settings, other data or another model/);
  await writeFile(join(settings.out, '.training/state.json'), '{');
  await refused({}, /is damaged: state\.json cannot be read/);
});
