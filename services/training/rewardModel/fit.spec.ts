/** Training reward models on small bases: what it writes, that it is reproducible, and that it writes all or nothing. */
import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { FitSettings } from '@gapo/config';
import { JudgedConversation, Tokenizer, readDecoderConfig, readSafetensors } from '@gapo/model';
import { tokenizerDirectory, writeSmallModel } from '@gapo/model/testing';
import { at, required } from '@gapo/numeric';
import { isExpected } from '@gapo/service';
import { temporaryDirectory } from '@gapo/service/testing';
import { heldOutSplit } from '../descent/order.js';
import { qualityOf } from './calibration.js';
import { decoderScores } from './decoderScores.js';
import { PairEngine } from './engine.js';
import { type FitEvent, fit } from './fit.js';
import { readPairs } from './pairs.js';

const things = ['printer', 'badge', 'router', 'laptop', 'phone', 'screen', 'key', 'door'];

/** Creates a directory with model/ and pairs.jsonl, whose chosen answers are polite; every prompt is in two pairs. */
async function workspace(t: TestContext): Promise<string> {
  const directory = await temporaryDirectory(t);
  await writeSmallModel(join(directory, 'model'));
  const lines = Array.from({ length: 240 }, (_, i) => {
    const thing = at(things, i % things.length);
    const prompt = `Where is the ${thing} number ${i >> 1}?`;
    const [polite, rude] = [`Sorry, I cannot find the ${thing}, please ask.`, `Find the ${thing} yourself, fool.`];
    return { prompt, chosen: i % 2 === 0 ? polite : `Please ask about the ${thing}.`, rejected: rude };
  });
  await writeFile(join(directory, 'pairs.jsonl'), lines.map((line) => JSON.stringify(line)).join('\n'));
  return directory;
}

function settingsFor(directory: string, change: Partial<FitSettings> = {}): FitSettings {
  return {
    data: [join(directory, 'pairs.jsonl')],
    out: join(directory, 'out'),
    objective: 'polite',
    start: { tokenizer: tokenizerDirectory },
    epochs: 2,
    batch: 16,
    microBatch: 16,
    learningRate: 2e-2,
    heldOut: 0.25,
    maxTokens: 64,
    overlong: 'truncate-left',
    seed: 4,
    threads: 1,
    device: 'cpu',
    ...change,
  };
}

/** Trains until the end, or stops after some updates. */
async function run(settings: FitSettings, updates = Infinity): Promise<FitEvent[]> {
  const events: FitEvent[] = [];
  const made = (): number => events.filter(({ event }) => event === 'update').length;
  await fit(
    settings,
    (event) => void events.push(event),
    () => Promise.resolve(made() >= updates),
  );
  return events;
}

const starts: Readonly<Record<string, (directory: string) => Partial<FitSettings>>> = {
  'an embedding bag': () => ({}),
  'a decoder': (directory) => ({ start: { decoder: join(directory, 'model') }, learningRate: 5e-3 }),
  'adapters on a decoder': (directory) => ({
    start: { decoder: join(directory, 'model') },
    lora: { rank: 4, alpha: 8 },
    learningRate: 2e-2,
  }),
};

for (const [what, change] of Object.entries(starts)) {
  test(`${what}: learns, records its inputs, and is reproducible byte for byte`, async (t) => {
    const directory = await workspace(t);
    const settings = settingsFor(directory, change(directory));
    const events = await run(settings);
    const [start, end] = [events[0], events.at(-1)];
    assert.ok(start?.event === 'start' && end?.event === 'end' && end.finished && end.quality !== null);
    assert.deepEqual([start.examples, start.heldOut, start.updates], [180, 60, 24]);
    const measured = events.flatMap((event) => (event.event === 'heldOut' ? [event.loss] : []));
    assert.equal(measured.length, 3, 'at the start, and after each epoch');
    assert.equal(measured.at(-1), end.quality.logLoss);
    assert.ok(at(measured, 2) < 0.3 && end.quality.accuracy.value > 0.95, `log loss ${measured.join(', ')}`);

    const record = JSON.parse(await readFile(join(settings.out, 'training.json'), 'utf8')) as Record<string, unknown>;
    assert.equal(record['objective'], 'polite');
    assert.deepEqual(record['heldOut'], end.quality);
    assert.deepEqual(record['pairs'], { training: 180, heldOut: 60 });
    assert.match(JSON.stringify(record['data']), /^\[\{"name":"pairs\.jsonl","sha256":"[0-9a-f]{64}","pairs":240\}\]$/);
    assert.match(JSON.stringify(record['base']), /"sha256":"[0-9a-f]{64}"/);
    const { learningRate, seed, maxTokens } = record['settings'] as Record<string, unknown>;
    assert.deepEqual(
      { learningRate, seed, maxTokens },
      { learningRate: settings.learningRate, seed: 4, maxTokens: 64 },
    );

    await run({ ...settings, out: join(directory, 'again') });
    const names = await readdir(settings.out);
    assert.deepEqual(await readdir(join(directory, 'again')), names);
    for (const name of names) {
      const [first, second] = [
        await readFile(join(settings.out, name)),
        await readFile(join(directory, 'again', name)),
      ];
      assert.ok(first.equals(second), name);
    }
    await run({ ...settings, out: join(directory, 'other'), seed: 5 });
    const weights = await readFile(join(directory, 'other/model.safetensors'));
    assert.ok(!weights.equals(await readFile(join(settings.out, 'model.safetensors'))));
    assert.deepEqual((await readdir(directory)).sort(), ['again', 'model', 'other', 'out', 'pairs.jsonl']);
  });
}

test('the quality is that of the written model, on prompts that were not trained on', async (t) => {
  const directory = await workspace(t);
  const settings = settingsFor(directory, { start: { decoder: join(directory, 'model') }, learningRate: 5e-3 });
  const end = required((await run(settings)).at(-1), 'an event');
  assert.ok(end.event === 'end');
  const tokenizer = await Tokenizer.read(settings.out);
  const { pairs: examples } = await readPairs(settings.data, new JudgedConversation(tokenizer), 64);
  const split = heldOutSplit(examples.length, 0.25, settings.seed, (index) => at(examples, index).opening);
  const openings = new Set(split.heldOut.map((index) => at(examples, index).opening));
  assert.ok(split.training.every((index) => !openings.has(at(examples, index).opening)));
  const config = await readDecoderConfig(join(directory, 'model'));
  const engine = await PairEngine.open(decoderScores(config), { threads: 1 });
  const tensors = await readSafetensors(join(settings.out, 'model.safetensors'));
  const margins = await engine.margins(
    tensors,
    split.heldOut.map((index) => at(examples, index)),
  );
  assert.deepEqual(qualityOf(margins), end.quality);
  await engine.close();
});

test('a stopped run and a failed one leave nothing behind', async (t) => {
  const directory = await workspace(t);
  const settings = settingsFor(directory);
  const end = (await run(settings, 3)).at(-1);
  assert.deepEqual(end, { event: 'end', finished: false, updates: 3, quality: null });
  await writeFile(join(directory, 'bad.jsonl'), '{"prompt": "a", "chosen": "b"}\n');
  await assert.rejects(
    run({ ...settings, data: [join(directory, 'bad.jsonl')] }),
    /bad\.jsonl:1: rejected: found nothing/,
  );
  assert.deepEqual((await readdir(directory)).sort(), ['bad.jsonl', 'model', 'pairs.jsonl']);
});

test('invalid settings are refused before anything is trained', async (t) => {
  const directory = await workspace(t);
  const settings = settingsFor(directory);
  const refused = (change: Partial<FitSettings>, message: RegExp): Promise<void> =>
    assert.rejects(run({ ...settings, ...change }), (error: unknown) => {
      assert.ok(isExpected(error) && message.test(error.message), String(error));
      return true;
    });
  const decoder = { decoder: join(directory, 'model') };
  await refused({ start: { decoder: join(directory, 'none') } }, /none: does not exist; name a directory with config/);
  await refused({ start: { tokenizer: join(directory, 'none') } }, /none: does not exist; name a tokenizer\.json/);
  await refused(
    { start: { tokenizer: join(directory, 'pairs.jsonl') } },
    /pairs\.jsonl: is not a tokenizer\.json; name one/,
  );
  await refused(
    { start: decoder, lora: { rank: 2, alpha: 2, targets: ['c_attn'] } },
    /the target 'c_attn'; the model has q_/,
  );
  await refused({ data: [join(directory, 'none.jsonl')] }, /none\.jsonl: does not exist; name a file of JSON Lines/);
  await writeFile(join(directory, 'one.jsonl'), '{"prompt": "a", "chosen": "b", "rejected": "c"}\n');
  await refused(
    { data: [join(directory, 'one.jsonl')] },
    /of 1 pairs, 0 would be held out, .*write pairs for more prompts/,
  );
  await mkdir(settings.out);
  await writeFile(join(settings.out, 'config.json'), '{}');
  await refused(
    { out: join(directory, 'pairs.jsonl/out') },
    /pairs\.jsonl\/out: ENOTDIR: .*; give another directory with --out/,
  );
  await refused({}, /out already contains config\.json: give another directory with --out, or remove it/);
});
