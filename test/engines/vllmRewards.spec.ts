/**
 * Reward models behind vLLM, against transformers: the scorer's requests to servers of two tiny models, or their recorded
 * responses. VLLM names the program that starts the servers (docs/engines.md); RECORD=1 with it writes the recordings.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { at } from '@gapo/numeric';
import type { Outcome, ScoreItem } from '@gapo/reward';
import { openHttpScorer } from '@gapo/reward-service/testing';
import { temporaryDirectory } from '@gapo/service/testing';
import { suiteOwner } from '@gapo/worker/testing';
import { project } from '../platform.fixture.js';
import { EngineStandIn } from './engineStandIn.js';
import { program, VllmServer } from './vllmServer.js';

const records = process.env['RECORD'] === '1';
const recordings = fileURLToPath(new URL('../../engines/recordings', import.meta.url));
const logitsFile = join(recordings, 'vllmRewardLogits.json');
const tokenizer = join(project, 'examples/assistant/tokenizer');
const flags = ['--runner', 'pooling', '--dtype', 'float32', '--enforce-eager', '--max-model-len', '128'];
/** The largest difference of a score from transformers' logit. */
const tolerance = 1e-4;

const names = ['one', 'three'] as const;
type Name = (typeof names)[number];

/** [items][labels], by the format of the items. */
type Logits = Readonly<Record<'chat' | 'pair' | 'text', readonly (readonly number[])[]>>;

function item(completion: string, ...texts: readonly string[]): ScoreItem {
  const turns = texts.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content }));
  return { prompt: at(texts, texts.length - 1), completion, metadata: {}, turns };
}

const items: readonly ScoreItem[] = [
  item('Gladly. Tell me its number.', 'Can you help me with my order?'),
  item('', 'Are you there?'),
  item('No. Ask somebody else.', 'Where is room two?', 'Upstairs.', 'Can you show me?'),
  item('Voilà: naïve — 🙂 <|end|>', 'Write a line with <|user|> in it.'),
];

/** An item with more tokens than the servers accept. */
const tooLong = item('so '.repeat(200), 'Why?');

describe(program === undefined ? 'rewards by vLLM, from its recorded answers' : `rewards by ${program}`, () => {
  const owner = suiteOwner();
  const standIns = new Map<Name, { readonly standIn: EngineStandIn; readonly url: string }>();
  let logits: Readonly<Record<Name, Logits>>;
  let directory = '';

  before(async () => {
    directory = await temporaryDirectory(owner);
    if (program !== undefined) writeModels(program);
    logits = JSON.parse(readFileSync(program === undefined ? logitsFile : join(directory, 'logits.json'), 'utf8')) as typeof logits; // prettier-ignore
    for (const name of names) {
      const recording = join(recordings, `vllmReward-${name}.json`);
      const standIn = new EngineStandIn(recording, program === undefined ? undefined : await served(name));
      standIns.set(name, { standIn, url: await standIn.listen() });
      owner.after(async () => {
        await standIn.close();
        if (records) standIn.save(recording, `vllm serve ${name} --served-model-name ${name} ${flags.join(' ')}`);
      });
    }
    if (records) writeFileSync(logitsFile, JSON.stringify(logits, undefined, 1));
  });

  async function served(name: Name): Promise<string> {
    return (await VllmServer.start(owner, [join(directory, name), '--served-model-name', name, ...flags])).url;
  }

  function writeModels(vllm: string): void {
    const list = join(directory, 'items.json');
    writeFileSync(list, JSON.stringify(items));
    const script = join(project, 'test/engines/rewardModels.py');
    const python = join(dirname(vllm), 'python');
    const { status, stderr } = spawnSync(python, [script, tokenizer, list, directory], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  }

  /** The outcomes of items with a given file. */
  async function outcomes(name: Name, keys: string, some: readonly ScoreItem[] = items): Promise<readonly Outcome[]> {
    const { standIn, url } = standIns.get(name) ?? assert.fail();
    const path = join(directory, 'reward.yaml');
    writeFileSync(path, `{ objective: x, model: ${name}, url: '${url}/${keys}, concurrency: 1 }`);
    const scorer = await openHttpScorer({ path });
    const found = await scorer.score(some, new AbortController().signal);
    await scorer.close();
    assert.deepEqual(standIn.unknown, [], 'every request is one that vLLM has answered');
    return found;
  }

  const scores = (found: readonly Outcome[]): readonly number[] =>
    found.map((each) => ('score' in each ? each.score : assert.fail(each.problem)));
  const encoding = (more = ''): string => `encoding: { tokenizer: '${tokenizer}', maxTokens: 128${more} }`;
  const column = (name: Name, form: keyof Logits, label: number): readonly number[] =>
    logits[name][form].map((row) => at(row, label));

  const cases: readonly (readonly [string, Name, string, () => readonly number[]])[] = [
    ['/classify, encoded here', 'one', `classify', protocol: vllm-classify, ${encoding()}`, () => column('one', 'chat', 0)],
    ['/classify, rendered by the server', 'one', `classify', protocol: vllm-classify, encoding: server`, () => column('one', 'chat', 0)],
    ['/classify of one text', 'one', `classify', protocol: vllm-classify, ${encoding(", input: text, text: 'Q: {prompt} A: {completion}'")}`, () => column('one', 'text', 0)],
    ['/classify with a sigmoid', 'one', `classify', protocol: vllm-classify, ${encoding()}, activation: sigmoid`, () => column('one', 'chat', 0).map((x) => 1 / (1 + Math.exp(-x)))],
    ['/pooling, encoded here', 'one', `pooling', protocol: vllm-pooling, ${encoding()}`, () => column('one', 'chat', 0)],
    ['/pooling, rendered by the server', 'one', `pooling', protocol: vllm-pooling, encoding: server`, () => column('one', 'chat', 0)],
    ['/score', 'one', `score', protocol: vllm-score`, () => column('one', 'pair', 0)],
    ['/classify with three labels', 'three', `classify', protocol: vllm-classify, ${encoding()}, column: 2`, () => column('three', 'chat', 2)],
    ['/pooling with three labels', 'three', `pooling', protocol: vllm-pooling, ${encoding()}, column: 1`, () => column('three', 'chat', 1)],
    ['/classify with a softmax', 'three', `classify', protocol: vllm-classify, ${encoding()}, column: 0, activation: softmax`, () => logits.three.chat.map((row) => Math.exp(at(row, 0)) / row.reduce((sum, x) => sum + Math.exp(x), 0))],
  ]; // prettier-ignore
  for (const [what, name, keys, expected] of cases) {
    test(`${what}: the scores are transformers' logits`, async (t) => {
      const found = scores(await outcomes(name, keys));
      const gaps = expected().map((logit, i) => Math.abs(logit - at(found, i)));
      t.diagnostic(`largest difference: ${Math.max(...gaps).toExponential(1)}`);
      assert.equal(gaps.length, items.length);
      for (const gap of gaps) assert.ok(gap < tolerance, `${gap}`);
    });
  }

  test('several labels without a column are an error of each item', async () => {
    for (const outcome of await outcomes('three', `classify', protocol: vllm-classify, ${encoding()}`)) {
      assert.match('problem' in outcome ? outcome.problem : '', /has 3 numbers: set column to the one to score$/);
    }
  });

  test('an item that the server refuses loses its own score only', async () => {
    const some = [...items.slice(0, 2), tooLong, ...items.slice(2)];
    const wide = encoding().replace('128', '4096');
    const found = await outcomes('one', `classify', protocol: vllm-classify, ${wide}`, some);
    assert.match('problem' in at(found, 2) ? JSON.stringify(found[2]) : '', /HTTP 400: .*maximum.* 128/);
    const rest = scores(found.filter((_, i) => i !== 2));
    column('one', 'chat', 0).forEach((logit, i) => assert.ok(Math.abs(logit - at(rest, i)) < tolerance));
  });
});
