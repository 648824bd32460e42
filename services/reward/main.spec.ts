import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, describe, test } from 'node:test';
import { rewardKinds } from '@gapo/config';
import { Graph, cast, emitReduce } from '@gapo/graph';
import { connect } from '@gapo/rpc';
import { isExpected } from '@gapo/service';
import { temporaryDirectory, type TestProcess, startProcess, takenAddress } from '@gapo/service/testing';
import { hostedKinds } from './hostedKinds.js';
import { type TinyOptions, writeTinyClassifier } from './onnx/tinyClassifier.fixture.js';
import { settings } from './settings.js';

/** Calls have no deadline because the machine may be busy. */
const deadlineMs = Infinity;
const main = new URL('./main.js', import.meta.url);

function start(t: TestContext, env: Readonly<Record<string, string>>, args: readonly string[] = []): TestProcess {
  return startProcess(
    main,
    { args, env: { LISTEN: '127.0.0.1:0', THREADS: '1', STOP_GRACE_SECONDS: '600', ...env } },
    t,
  );
}

/** Runs a process until it exits. */
async function run(
  t: TestContext,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<{ code: number | null; out: string; err: string }> {
  const child = start(t, env, args);
  const code = await child.closed;
  return { code, out: child.stdout(), err: child.stderr() };
}

async function tiny(t: TestContext, options: TinyOptions = {}): Promise<string> {
  const directory = join(await temporaryDirectory(t), 'model');
  await writeTinyClassifier(directory, options);
  return directory;
}

const labelled = { gapo_reward: { label: 0 } };

const onnx = (directory: string): Record<string, string> => ({ REWARD_KIND: 'onnx', REWARD_MODEL: directory });

/** The lines of stderr, without onnxruntime's. */
function lines(err: string): string[] {
  return err
    .trim()
    .split('\n')
    .filter((line) => !line.includes(':onnxruntime:'));
}

/**
 * Opens the scorers configured in the environment, as the process does. Returns the lines with which the process
 * would exit.
 */
async function refusal(env: Readonly<Record<string, string>>): Promise<string[]> {
  const { hosted, entries, settings: values } = settings(hostedKinds, env);
  const error = await hosted.open({ entries, settings: values }).then(
    () => assert.fail('opened'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Error && isExpected(error), String(error));
  return lines(error.message);
}

describe('an invalid classifier directory is refused in one line', { concurrency: 2 }, () => {
  type Damage = (directory: string) => Promise<unknown>;
  const config =
    (change: Readonly<Record<string, unknown>>): Damage =>
    (directory) =>
      writeTinyClassifier(directory, { config: change });
  const damages: readonly (readonly [string, Damage, RegExp])[] = [
    ['no directory', (d) => rm(d, { recursive: true }), /model: does not exist; name the directory of a classifier$/],
    ['no model.onnx', (d) => rm(join(d, 'model.onnx')), /model: lacks model\.onnx; /],
    [
      'no tokenizer',
      async (d) => {
        await rm(join(d, 'tokenizer.json'));
        await rm(join(d, 'tokenizer_config.json'));
      },
      /model: lacks tokenizer\.json, tokenizer_config\.json; /,
    ],
    [
      'no weights',
      (d) => rm(join(d, 'model.safetensors')),
      /model\.safetensors: does not exist; .*model\.onnx has its weights there$/,
    ],
    [
      'corrupted ONNX',
      (d) => truncate(join(d, 'model.onnx'), 300),
      /model\.onnx: cannot be opened: .*[Pp]arsing failed/,
    ],
    [
      'weights cut short',
      (d) => truncate(join(d, 'model.safetensors'), 1000),
      /model\.safetensors: tensor '.*' ends at byte .* it is cut short/,
    ],
    ['config.json that is not JSON', (d) => writeFile(join(d, 'config.json'), '{'), /config\.json: is not JSON: /],
    [
      'another architecture',
      config({ architectures: ['LlamaForCausalLM'] }),
      /config\.json:\d+:\d+ architectures\[0\]: .*expected a sequence classifier, such as "Llama/,
    ],
    [
      'an unknown key of ours',
      config({ gapo_reward: { treshold: 1 } }),
      /gapo_reward\.treshold: found unknown key "treshold", .*did you mean "threshold"\?/,
    ],
    [
      'an unknown key of reward.yaml',
      (d) => writeTinyClassifier(d, { rewardYaml: 'objective: x\ntruncationSide: left\n' }),
      /reward\.yaml:2:1 truncationSide: found unknown key "truncationSide", .*did you mean "truncation_side"\?/,
    ],
    [
      'options in two places',
      (d) => writeFile(join(d, 'reward.yaml'), 'objective: x\n'),
      /reward\.yaml: has the options, and so does gapo_reward in .*config\.json; keep one of them$/,
    ],
    [
      'softmax over a single label',
      config({ gapo_reward: { objective: 'x', function_to_apply: 'softmax' } }),
      /config\.json: has function_to_apply softmax, which needs several labels; the model has one, /,
    ],
    [
      'a tokenizer of another model',
      config({ vocab_size: 259 }),
      /tokenizer\.json: has token ids up to 259, but config\.json says vocab_size 259; /,
    ],
    [
      'a vocabulary that the model lacks',
      config({ vocab_size: 300 }),
      /model\.onnx: fails on input_ids .* vocab_size - 1 = 299: /,
    ],
    ['no objective', config({ gapo_reward: {} }), /config\.json: names no objective; set OBJECTIVE=name or /],
    [
      'two labels and no choice',
      (d) => writeTinyClassifier(d, { labels: 2 }),
      /model\.onnx: has 2 labels; name the one to score in config\.json, for example /,
    ],
    [
      'no chat template',
      (d) => writeFile(join(d, 'tokenizer_config.json'), '{}'),
      /tokenizer_config\.json: has no chat_template; /,
    ],
    [
      'logits of another shape',
      writeScalarModel,
      /model\.onnx: gives logits float \[1, 2, 8\] for 2 rows; a classifier gives float \[rows\] or/,
    ],
    [
      'other outputs',
      writeOtherOutputs,
      /model\.onnx: has the outputs scores, hidden, but no logits; name the one with the logits as output in/,
    ],
  ];
  for (const [what, damage, message] of damages) {
    test(what, async (t) => {
      const directory = await tiny(t);
      await damage(directory);
      const [line = '', ...more] = await refusal(onnx(directory));
      assert.match(line, message);
      assert.deepEqual(more, []);
    });
  }

  test('the process ends with that line and exit code 2, also where the tensor runtime writes its own', async (t) => {
    const directory = await tiny(t);
    await truncate(join(directory, 'model.onnx'), 300);
    const { code, err } = await run(t, onnx(directory));
    const [line = '', ...more] = lines(err);
    assert.match(line, /model\.onnx: cannot be opened: .*[Pp]arsing failed/);
    assert.deepEqual(more, []);
    assert.equal(code, 2);
  });
});

async function writeScalarModel(directory: string): Promise<void> {
  const g = new Graph('flat');
  g.input('input_ids', 'int64', ['B', 'T']);
  const mask = cast(g.input('attention_mask', 'int64', ['B', 'T']), 'float32');
  g.output('logits', g.emit('Unsqueeze', [mask, g.integers([0])], { dtype: 'float32', dims: [1, 'B', 'T'] }));
  await writeFile(join(directory, 'model.onnx'), g.toModel().bytes);
}

async function writeOtherOutputs(directory: string): Promise<void> {
  const g = new Graph('other');
  g.input('input_ids', 'int64', ['B', 'T']);
  const mask = cast(g.input('attention_mask', 'int64', ['B', 'T']), 'float32');
  g.output('scores', mask);
  g.output('hidden', emitReduce('ReduceSum', mask, 1));
  await writeFile(join(directory, 'model.onnx'), g.toModel().bytes);
}

describe('invalid settings end the process with exit code 2', () => {
  test('every invalid variable has its line', async (t) => {
    const { code, err } = await run(t, { REWARD_KIND: 'onxx', THREADS: '0', LISTEN: 'here' });
    assert.deepEqual(lines(err), [
      'environment LISTEN: found string "here", expected a host:port string',
      `environment REWARD_KIND: found string "onxx", expected one of ${Object.keys(rewardKinds).join(', ')} (did you mean "onnx"?)`,
      'environment THREADS: found number 0, expected an integer of at least 1',
    ]);
    assert.equal(code, 2);
  });

  test('each kind requires its own variable', async (t) => {
    const { code, err } = await run(t, { REWARD_KIND: 'rules', REWARD_MODEL: 'somewhere' });
    assert.equal(
      err,
      "environment REWARD_RULES: found nothing, expected a file's path, because REWARD_KIND is rules\n",
    );
    assert.equal(code, 2);
  });

  test('several classifiers need as many objectives', async (t) => {
    const [first, second] = [await tiny(t), await tiny(t)];
    const { code, err } = await run(t, { ...onnx(`${first},${second}`), OBJECTIVE: 'one' });
    assert.match(err, /^environment OBJECTIVE: found .*, expected 2 objectives, one per value of REWARD_MODEL\n$/);
    assert.equal(code, 2);
  });

  test('an unavailable device is an error, and no other device takes its place', async (t) => {
    const { code, err } = await run(t, { ...onnx(await tiny(t)), DEVICE: 'cuda' });
    assert.match(
      err,
      /model\.onnx: cannot be opened: device 'cuda' is not available on this machine: .*set the device to cpu, or /,
    );
    assert.equal(lines(err).length, 1);
    assert.equal(code, 2);
  });

  test('a missing file of rules', async (t) => {
    const { code, err } = await run(t, { REWARD_KIND: 'rules', REWARD_RULES: '/nowhere/rules.yaml' });
    assert.equal(err, '/nowhere/rules.yaml: does not exist\n');
    assert.equal(code, 2);
  });

  test('a busy port', async (t) => {
    const taken = await takenAddress(t);
    const { code, err } = await run(t, { ...onnx(await tiny(t)), LISTEN: taken });
    assert.match(err, new RegExp(`^cannot listen on ${taken}: another process holds that port; .*\n$`));
    assert.equal(code, 2);
  });

  test('an unknown argument; --help names every variable', async (t) => {
    const { code, err } = await run(t, {}, ['--halp']);
    assert.match(err, /^found the argument '--halp', expected none but --help/);
    assert.equal(code, 2);
    const help = await run(t, {}, ['--help']);
    assert.equal(help.code, 0);
    for (const name of [
      'LISTEN',
      'REWARD_KIND',
      'REWARD_MODEL',
      'REWARD_RULES',
      'OBJECTIVE',
      'THREADS',
      'ADDRESS_FILE',
    ]) {
      assert.match(help.out, new RegExp(`^  ${name} `, 'm'));
    }
  });
});

describe('a reward service as a process', () => {
  test('it writes its address, scores, and SIGTERM ends it', async (t) => {
    const directory = await tiny(t);
    const addressFile = join(directory, 'address');
    const child = start(t, { ...onnx(directory), OBJECTIVE: 'named', ADDRESS_FILE: addressFile });
    const address = await child.address();
    assert.equal(await readFile(addressFile, 'utf8'), address);
    const client = connect('gapo.reward.v1.RewardService', address);
    t.after(() => client.close());
    assert.equal((await client.Describe({}, { deadlineMs })).objective, 'named');
    const prompt = 'word '.repeat(400);
    const items = Array.from({ length: 256 }, (_, i) => ({ id: `${i}`, prompt, completion: `${i}` }));
    const { results } = await client.Score({ items }, { deadlineMs: Infinity });
    assert.ok(results.every(({ score }) => typeof score === 'number'));
    child.kill('SIGTERM');
    assert.equal(await child.closed, 0);
  });

  test('SIGTERM ends it once the call in progress is answered', async (t) => {
    // The test's own server holds the scores back until the service has begun to stop.
    const server = createServer().listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const requested = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
    const path = join(await temporaryDirectory(t), 'http.yaml');
    const { port } = server.address() as AddressInfo;
    await writeFile(path, `objective: held\nprotocol: openrlhf\nurl: http://127.0.0.1:${port}/\n`);
    const child = start(t, { REWARD_KIND: 'http', REWARD_HTTP: path });
    const client = connect('gapo.reward.v1.RewardService', await child.address());
    t.after(() => client.close());
    const scored = client.Score({ items: [{ id: 'a', prompt: 'p', completion: 'c' }] }, { deadlineMs: Infinity });
    const [, response] = await requested;
    child.kill('SIGTERM');
    await child.waitForOutput(/stopping/);
    response.end(JSON.stringify({ rewards: [0.5] }));
    assert.deepEqual(
      (await scored).results.map(({ score }) => score),
      [0.5],
    );
    assert.equal(await child.closed, 0);
  });

  test('a call that waits for a batch to fill when SIGTERM arrives is answered', async (t) => {
    const child = start(t, { ...onnx(await tiny(t)), BATCH_WAIT_MS: '1500' });
    const client = connect('gapo.reward.v1.RewardService', await child.address());
    t.after(() => client.close());
    const scored = client.Score({ items: [{ id: 'a', prompt: 'p', completion: 'c' }] }, { deadlineMs });
    await client.Describe({}, { deadlineMs });
    child.kill('SIGTERM');
    assert.equal(typeof (await scored).results[0]?.score, 'number');
    assert.equal(await child.closed, 0);
  });

  test('several classifiers in one process have an address each', async (t) => {
    const directories = await Promise.all([{}, { labels: 2, config: labelled }].map((options) => tiny(t, options)));
    const addressFile = join(await temporaryDirectory(t), 'address');
    const env = { ...onnx(directories.join(',')), OBJECTIVE: 'one,two', ADDRESS_FILE: addressFile };
    const child = start(t, env);
    const addresses = (await child.address()).split(',');
    assert.equal(await readFile(addressFile, 'utf8'), addresses.join(','));
    const clients = addresses.map((address) => connect('gapo.reward.v1.RewardService', address));
    t.after(() => clients.forEach((client) => client.close()));
    const described = await Promise.all(clients.map((client) => client.Describe({}, { deadlineMs })));
    assert.deepEqual(
      described.map(({ objective }) => objective),
      ['one', 'two'],
    );
    assert.notEqual(described[0]?.version, described[1]?.version);
    child.kill('SIGTERM');
    assert.equal(await child.closed, 0);
  });

  test('a file of rules is served', async (t) => {
    const path = join(await temporaryDirectory(t), 'rules.yaml');
    await writeFile(path, 'objective: brief\nrules: [{ kind: length, target: 2, scale: 1 }]\n');
    const child = start(t, { REWARD_KIND: 'rules', REWARD_RULES: path, REWARD_TEXT: 'raw' });
    const client = connect('gapo.reward.v1.RewardService', await child.address());
    t.after(() => client.close());
    assert.equal((await client.Describe({}, { deadlineMs })).textForm, 'TEXT_FORM_RAW');
    const { results } = await client.Score(
      { items: [{ id: 'a', prompt: '', completion: 'two words' }] },
      { deadlineMs },
    );
    assert.equal(results[0]?.score, 1);
    child.kill('SIGTERM');
    assert.equal(await child.closed, 0);
  });
});
