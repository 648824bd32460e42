/**
 * Classifiers in the layouts of exporters and the Hub: types, shapes, outputs and files, each with the same scores as the plain
 * one.
 */
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { at } from '@gapo/numeric';
import type { Outcome, Scorer } from '@gapo/reward';
import { oneTurn } from '@gapo/reward/testing';
import { temporaryDirectory } from '@gapo/service/testing';
import { ClassifierHost } from './classifierHost.js';
import { positionLimit } from './positions.js';
import { type TinyOptions, tinyLogits, tinyTokens, writeTinyClassifier } from './tinyClassifier.fixture.js';

const forever = new AbortController().signal;
const exchanges = [
  ['How do I reset it?', 'Open the settings.'],
  ['', 'x'],
  ['a', 'No, that is not possible today.'],
] as const;
const items = exchanges.map(([prompt, completion]) => oneTurn(prompt, completion));

async function opened(t: TestContext, ...all: readonly TinyOptions[]): Promise<Scorer> {
  const directory = await temporaryDirectory(t);
  for (const options of all) await writeTinyClassifier(directory, options);
  const host = await ClassifierHost.open([{ directory }], { threads: 1 });
  t.after(() => host.close());
  return at(host.scorers, 0);
}

function assertScores(outcomes: readonly Outcome[], tolerance = 1e-5): void {
  for (const [i, [prompt, completion]] of exchanges.entries()) {
    const outcome = at(outcomes, i);
    const expected = at(tinyLogits(tinyTokens(prompt, completion)), 0);
    assert.ok('score' in outcome && Math.abs(outcome.score - expected) <= tolerance, JSON.stringify(outcome));
  }
}

describe('exports that differ from the plain one, with its scores', () => {
  const exported: readonly (readonly [string, TinyOptions, string?])[] = [
    ['int32 inputs', { inputs: 'int32' }],
    ['another name of the only output', { output: 'output_0' }],
    ['the folder onnx/', { file: 'onnx/model.onnx' }],
    ['a quantised file alone', { file: 'onnx/model_quantized.onnx' }],
    ['a fixed length', { dims: ['B', 64] }, 'padded to 64 tokens'],
    ['one row of a fixed length', { dims: [1, 64] }, 'one sequence at a time'],
    ['one row', { dims: [1, 'T'] }, 'one sequence at a time'],
    ['three rows', { dims: [3, 'T'] }],
  ];
  for (const [what, options, note] of exported) {
    test(what, async (t) => {
      const scorer = await opened(t, options);
      assertScores(await scorer.score(items, forever));
      assert.match(scorer.description.model, note === undefined ? /^onnx: [^,]+$/ : new RegExp(`, ${note}$`));
    });
  }

  test('float16 logits', async (t) => {
    assertScores(await (await opened(t, { precision: 'float16' })).score(items, forever), 2e-3);
  });

  test('the model that the option file names, of several', async (t) => {
    const others: TinyOptions[] = [
      { file: 'onnx/model_int8.onnx' },
      { file: 'onnx/model_fp16.onnx', precision: 'float16' },
    ];
    await assert.rejects(
      opened(t, ...others),
      /has the models onnx\/model_fp16\.onnx, onnx\/model_int8\.onnx; choose one, for example .*"file":"onnx\/model_fp16\.onnx"/,
    );
    const rewardYaml = 'objective: tiny\nfile: onnx/model_int8.onnx\n';
    const config = { gapo_reward: undefined };
    const named = others.map((each) => ({ ...each, rewardYaml, config }));
    assertScores(await (await opened(t, ...named)).score(items, forever));
  });
});

describe('what scores depend on', () => {
  test('padding: sequences of one length share a run, and scores are those of each alone', async (t) => {
    const scorer = await opened(t, { maskless: true });
    assert.match(scorer.description.model, /, in batches of one length$/);
    assertScores(await scorer.score(items, forever));
  });

  test('the other sequences, as in a dynamically quantised model: one at a time', async (t) => {
    const scorer = await opened(t, { entangled: true });
    assert.match(scorer.description.model, /, one sequence at a time$/);
    const together = await scorer.score(items, forever);
    for (const [i, item] of items.entries()) assert.deepEqual(await scorer.score([item], forever), [together[i]]);
  });
});

describe('the longest sequence', () => {
  test('is that of the table of positions, probed at the start', async (t) => {
    const limited = (max: number): TinyOptions => ({ positions: 40, config: { max_position_embeddings: max } });
    await assert.rejects(
      opened(t, limited(41)),
      /model\.onnx: fails on input_ids \[2,41\] of max_tokens 41; lower max_tokens in .*config\.json to what the model takes: /,
    );
    const scorer = await opened(t, limited(40));
    const long = oneTurn('How do I reset my password, and where?', 'Open the settings.');
    const [outcome] = await scorer.score([long], forever);
    assert.ok(outcome !== undefined && 'score' in outcome, JSON.stringify(outcome));
  });

  test('positions of RoBERTa and its kind begin behind the padding token; absurd limits are ignored', () => {
    const tokens = (config: Parameters<typeof positionLimit>[0]): number | undefined => positionLimit(config)?.tokens;
    assert.equal(tokens({ model_type: 'roberta', max_position_embeddings: 514, pad_token_id: 1 }), 512);
    assert.equal(tokens({ model_type: 'xlm-roberta', max_position_embeddings: 514 }), 512);
    assert.equal(tokens({ model_type: 'longformer', max_position_embeddings: 4098, pad_token_id: 1 }), 4096);
    assert.equal(tokens({ model_type: 'camembert', max_position_embeddings: 66, pad_token_id: 0 }), 65);
    assert.equal(tokens({ model_type: 'bert', max_position_embeddings: 512, pad_token_id: 0 }), 512);
    assert.equal(tokens({ model_type: 'gpt2', n_positions: 1024 }), 1024);
    assert.equal(tokens({ model_type: 'xlnet', max_position_embeddings: 1e30 }), undefined);
    assert.equal(tokens({ model_type: 't5' }), undefined);
  });
});

test('an item that the model cannot run on fails alone', async (t) => {
  // Token ids beyond the table: config.json and the tokenizer claim they exist, and the probes only test both ends.
  const scorer = await opened(t, { positions: 60, config: { max_position_embeddings: 60 } });
  const outcomes = await scorer.score([...items, oneTurn('p', 'x'.repeat(100))], forever);
  assertScores(outcomes);
  assert.ok('problem' in at(outcomes, 3));
});
