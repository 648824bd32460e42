/** The commands as processes: help, exit codes and error messages. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { RpcError } from '@gapo/rpc';
import { gapo, someRun, startGapo, temporaryFolder, trainingService } from './cli.fixture.js';
import { writeUpFile } from './processes/upFile.js';

const commands = [
  'up',
  'run',
  'train',
  'watch',
  'runs',
  'pause',
  'resume',
  'cancel',
  'prefer',
  'eval',
  'soup',
  'front',
  'pareto',
  'export',
  'config check',
  'reward check',
  'doctor',
];

test('every command has help with an example, and exits with 0', async (t) => {
  const all = await gapo(t, ['--help']);
  for (const name of commands) assert.match(all.stdout, new RegExp(`^  ${name.split(' ')[0]}\\b`, 'm'));
  for (const name of commands.filter((_, i) => i % 3 === 0)) {
    const { code, stdout } = await gapo(t, [...name.split(' '), '--help']);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`Example:\\n  gapo ${name}`));
    assert.match(stdout, /--json/);
  }
});

test('a mistake is one line on stderr with exit code 2', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'broken.yaml'), 'name: [\n');
  writeFileSync(join(folder, 'nameless.yaml'), 'steps: 3\n');
  const mistakes: [string[], RegExp][] = [
    [['runs', '--colour'], /unknown option '--colour'/],
    [['eval', 'x', '--version', 'new'], /--version.*Expected an integer/],
    [
      ['runs', '--coordinator', '127.0.0.1:1'],
      /^the coordinator at 127.0.0.1:1 does not answer: connection refused; start it with `gapo up`/,
    ],
    [['run', join(folder, 'none.yaml')], /none.yaml does not exist; give the path of a run.yaml/],
    [['run', join(folder, 'broken.yaml')], /^broken.yaml:\d+:\d+/],
    [['train', join(folder, 'nameless.yaml')], /^nameless.yaml:1:1 name: found nothing/],
    [['run', 'x.yaml', '--resume', '--fresh'], /--resume and --fresh contradict/],
    [['up', '--rewards', join(folder, 'none.yaml'), '--data', folder], /none.yaml does not exist/],
  ];
  await Promise.all(
    mistakes.map(async ([args, pattern]) => {
      const { code, stdout, stderr } = await gapo(t, args);
      assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
      assert.match(stderr.replace(/^starting the services ...\n/, ''), pattern);
      assert.equal(stdout, '');
      assert.doesNotMatch(stderr, /^ {4}at /m);
    }),
  );
});

test('up reports a taken port before anything starts', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'r.yaml'), 'rules: [{kind: repetition}]\n');
  writeFileSync(join(folder, 'rewards.yaml'), 'rewards: [{name: r, kind: rules, rules: r.yaml}]\n');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const args = ['up', '--rewards', join(folder, 'rewards.yaml'), '--data', join(folder, 'data'), '--port-base', '0'];
  const { code, stderr } = await gapo(t, [...args, '--http-port', String(port)]);
  assert.equal(code, 2);
  assert.match(stderr, new RegExp(`gateway .* cannot listen on 127.0.0.1:${port}: the port is taken`));
  assert.equal(existsSync(join(folder, 'data/up.json')), false);
  assert.equal(existsSync(join(folder, 'data/logs')), false);
});

test('runs and pause, as text and as JSON', async (t) => {
  const coordinator = await trainingService(t, {
    ListRuns: async () => ({
      runs: [someRun('b', 'RUN_STATE_RUNNING', 2), someRun('a', 'RUN_STATE_FAILED', 1, { reason: 'no disk' })],
    }),
    PauseRun: async ({ runId }) => {
      if (runId !== 'b') throw new RpcError('NOT_FOUND', `run_id: there is no run "${runId}"; there is b`);
      return { run: someRun('b', 'RUN_STATE_RUNNING', 2, { reason: 'pausing' }) };
    },
  });
  const env = { GAPO_COORDINATOR: coordinator };
  const [list, json, pause, unknown] = await Promise.all([
    gapo(t, ['runs'], env),
    gapo(t, ['runs', '--json'], env),
    gapo(t, ['pause', 'b'], env),
    gapo(t, ['pause', 'c', '--json'], env),
  ]);
  assert.deepEqual(
    list.stdout.split('\n').map((line) => line.replaceAll(/ +/g, ' ')),
    ['run state step method mean rewards reason', 'b running 2/3 gapo -', 'a failed 1/3 gapo - no disk', ''],
  );
  assert.deepEqual(
    (JSON.parse(json.stdout) as { id: string }[]).map(({ id }) => id),
    ['b', 'a'],
  );
  assert.equal(pause.stdout, 'b: running at step 2 of 3 (pausing)\n');
  assert.deepEqual(
    [unknown.code, unknown.stdout, unknown.stderr],
    [2, '', 'run_id: there is no run "c"; there is b\n'],
  );
});

test('commands find the coordinator of a `gapo up` in the same directory while it runs', async (t) => {
  const listing = (id: string): Promise<string> =>
    trainingService(t, {
      ListRuns: async () => ({ runs: [someRun(id, 'RUN_STATE_RUNNING', 2)] }),
      GetRun: async () => ({ run: someRun(id, 'RUN_STATE_RUNNING', 2) }),
      async *WatchRun(_request, { signal }) {
        yield { run: someRun(id, 'RUN_STATE_RUNNING', 2) };
        await once(signal, 'abort');
      },
    });
  const [coordinator, other] = await Promise.all([listing('of-up'), listing('of-other')]);
  const folder = temporaryFolder(t);
  const alive = startGapo(t, ['watch', 'of-up', '--json'], { GAPO_COORDINATOR: coordinator });
  await alive.line(/of-up/);
  const { pid } = alive.child;
  assert.ok(pid);
  mkdirSync(join(folder, 'runs'));
  writeUpFile(join(folder, 'runs'), {
    pid,
    command: 'up',
    started: '2025-01-01T00:00:00Z',
    coordinator,
    page: 'http://127.0.0.1:2/',
    services: [],
  });
  const listed = async (args: string[] = [], env: Record<string, string> = {}): Promise<string> =>
    (await gapo(t, ['runs', ...args], env, folder)).stdout;
  assert.match(await listed(), /^of-up /m);
  assert.match(await listed([], { GAPO_COORDINATOR: other }), /^of-other /m);
  assert.match(await listed(['--coordinator', other]), /^of-other /m);
  alive.child.kill('SIGKILL');
  await alive.ended;
  assert.doesNotMatch(await listed(), /^of-up /m);
});

test('train --watch follows the run; with --json each message is a line', async (t) => {
  const folder = temporaryFolder(t);
  const config = join(folder, 'mine.yaml');
  const configYaml =
    'name: mine\nsteps: 3\npolicy: { model: m }\ndata: { prompts: p }\nobjectives: [{ name: short }]\n';
  writeFileSync(config, configYaml);
  const created: unknown[] = [];
  let refused = 0;
  const objectives = [{ name: 'short', rewardMean: 0.5, weight: 1 }];
  const coordinator = await trainingService(t, {
    CreateRun: async (request) => {
      if (refused++ === 0) throw new RpcError('RESOURCE_EXHAUSTED', 'too many runs of late', { retryAfterMs: 0 });
      created.push(request);
      return { run: someRun('mine-1', 'RUN_STATE_STARTING', 0) };
    },
    GetRun: async () => ({ run: someRun('mine-1', 'RUN_STATE_SUCCEEDED', 3) }),
    async *WatchRun() {
      yield { run: someRun('mine-1', 'RUN_STATE_RUNNING', 0) };
      for (let step = 1; step <= 3; step++) yield { step: { step, objectives, tokens: 10, seconds: 0.5 } };
      yield { run: someRun('mine-1', 'RUN_STATE_SUCCEEDED', 3) };
    },
  });
  const args = ['train', config, '--data', folder, '--coordinator', coordinator, '--watch', '--id', 'mine-1'];
  const plain = await gapo(t, args, { GAPO_AUTHOR: 'ada' });
  assert.equal(plain.code, 0);
  assert.match(
    plain.stderr,
    /^too many .*; waiting\nmine-1: starting\nmine-1: running\nstep 1\/3 .*\nstep 3\/3 .*\nmine-1: succeeded\n$/,
  );
  assert.match(plain.stdout, /^mine-1: succeeded at step 3 of 3; evaluate it with `gapo eval mine-1`\n$/);
  const request = { configYaml, baseDirectory: folder, runId: 'mine-1', configName: 'mine.yaml', author: 'ada' };
  assert.deepEqual(created, [request]);
  const json = await gapo(t, [...args, '--json']);
  const messages = json.stdout
    .trimEnd()
    .split('\n')
    .map((line) => Object.keys(JSON.parse(line) as object)[0]);
  assert.deepEqual(messages, ['run', 'step', 'step', 'step', 'run', 'run']);
});

test('watch: a run that settles while the coordinator is away shows the steps that were missed', async (t) => {
  const failed = someRun('bad', 'RUN_STATE_FAILED', 3, { reason: 'no disk' });
  const requests: number[] = [];
  const coordinator = await trainingService(t, {
    GetRun: async () => ({ run: requests.length === 0 ? someRun('bad', 'RUN_STATE_RUNNING', 1) : failed }),
    async *WatchRun({ afterStep }) {
      requests.push(afterStep);
      if (requests.length === 1) {
        yield { run: someRun('bad', 'RUN_STATE_RUNNING', 1) };
        yield { step: { step: 1 } };
        throw new RpcError('UNAVAILABLE', 'restarting');
      }
      yield { run: failed };
      yield { step: { step: 2 } };
      yield { step: { step: 3 } };
    },
  });
  const { code, stdout } = await gapo(t, ['watch', 'bad', '--coordinator', coordinator, '--json']);
  const steps = [...stdout.matchAll(/^\{"step":\{"step":(\d+)/gm)].map(([, step]) => Number(step));
  assert.deepEqual([code, requests, steps], [2, [0, 1], [1, 2, 3]]);
});

test('watch: Ctrl-C leaves the run alone and exits with 130', async (t) => {
  const coordinator = await trainingService(t, {
    GetRun: async () => ({ run: someRun('good', 'RUN_STATE_RUNNING', 1) }),
    async *WatchRun() {
      yield { run: someRun('good', 'RUN_STATE_RUNNING', 1) };
      await new Promise(() => undefined);
    },
  });
  const watching = startGapo(t, ['watch', 'good', '--coordinator', coordinator]);
  await watching.line(/good: running/);
  watching.child.kill('SIGINT');
  const { code, stderr } = await watching.ended;
  assert.equal(code, 130);
  assert.match(stderr, /the run continues; pause it with `gapo pause good`/);
});

test('watch: a run that stops early exits with 2, the reason and the next command', async (t) => {
  const stopped = {
    bad: someRun('bad', 'RUN_STATE_FAILED', 1, { reason: 'no disk' }),
    still: someRun('still', 'RUN_STATE_PAUSED', 1, { reason: 'no scores' }),
    gone: someRun('gone', 'RUN_STATE_CANCELLED', 1, {
      reason: 'cancelled by a user',
      checkpoint: '/runs/gone/step-1',
    }),
  };
  const runOf = (id: string) => stopped[id as keyof typeof stopped];
  const coordinator = await trainingService(t, {
    GetRun: async ({ runId }) => ({ run: runOf(runId) }),
    async *WatchRun({ runId }) {
      yield { run: runOf(runId) };
      yield { step: { step: 1 } };
    },
  });
  for (const [id, message] of [
    ['bad', /run bad failed at step 1 of 3: no disk; resume it with `gapo resume bad`\n$/],
    ['still', /run still is paused at step 1 of 3: no scores; resume it with `gapo resume still`\n$/],
    ['gone', /run gone was cancelled at step 1 of 3: cancelled by a user; its checkpoint is \/runs\/gone\/step-1\n$/],
  ] as const) {
    const { code, stdout, stderr } = await gapo(t, ['watch', id, '--coordinator', coordinator]);
    assert.deepEqual([code, stdout], [2, ''], id);
    assert.match(stderr, message);
  }
});

test('export copies an adapter, never overwrites one, and completes a model with its configuration and tokenizer', async (t) => {
  const folder = temporaryFolder(t);
  const write = (path: string, text: string): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const run = (id: string, policy: object = {}): void => {
    const config = { policy: { model: 'policy', ...policy }, objectives: [{ name: 'helpful' }, { name: 'harmless' }] };
    write(`${id}/run.json`, JSON.stringify({ baseDirectory: join(folder, 'project') }));
    write(`${id}/checkpoints/step-3/state.json`, JSON.stringify({ config }));
  };
  run('a');
  run('b', { condition: { on: 'preference', levels: 4, text: '{prompt} {helpful*+}{harmless*-}' } });
  write('a/checkpoints/step-3/adapter_config.json', '{"r": 1, "base_model_name_or_path": "policy"}');
  write('a/checkpoints/step-3/adapter_model.safetensors', 'weights');
  write('a/checkpoints/step-3/optimizer.safetensors', 'moments');
  write('b/checkpoints/step-3/model.safetensors', 'trained');
  const kept = [
    'tokenizer.json',
    'chat_template.json',
    'additional_chat_templates/tools.jinja',
    'tokenizer.tiktoken',
    'vocab.txt',
    'generation_config.json',
  ];
  for (const name of kept) write(`project/policy/${name}`, name === 'generation_config.json' ? '{}' : 'base');
  write('project/policy/notes.txt', 'base');
  const sizes = { vocab_size: 16, hidden_size: 8, intermediate_size: 12, num_hidden_layers: 1, num_attention_heads: 4 };
  const described = { model_type: 'llama', ...sizes, max_position_embeddings: 16, rms_norm_eps: 1e-5, eos_token_id: 2 };
  write('project/policy/config.json', JSON.stringify({ ...described, torch_dtype: 'bfloat16' }));
  const coordinator = await trainingService(t, {
    GetRun: async ({ runId }) => ({
      run: someRun(runId, 'RUN_STATE_SUCCEEDED', 3, {
        checkpoint: runId === 'c' ? '' : join(folder, runId, 'checkpoints/step-3'),
      }),
    }),
  });
  const env = { GAPO_COORDINATOR: coordinator };
  const out = join(folder, 'out');
  const first = await gapo(t, ['export', 'a', '--out', out, '--json'], env);
  assert.deepEqual((JSON.parse(first.stdout) as { files: string[] }).files, [
    'adapter_config.json',
    'adapter_model.safetensors',
  ]);
  assert.equal(readFileSync(join(out, 'adapter_model.safetensors'), 'utf8'), 'weights');
  const named = JSON.parse(readFileSync(join(out, 'adapter_config.json'), 'utf8')) as unknown;
  assert.deepEqual(named, { r: 1, base_model_name_or_path: join(folder, 'project/policy') });
  const again = await gapo(t, ['export', 'a', '--out', out], env);
  assert.equal(again.code, 2);
  assert.match(again.stderr, /already contains adapter_config.json, adapter_model.safetensors: give another directory/);
  const model = join(folder, 'model');
  const conditioned = await gapo(t, ['export', 'b', '--out', model], env);
  assert.match(conditioned.stdout, /preference\.json has the text/);
  assert.deepEqual(JSON.parse(readFileSync(join(model, 'preference.json'), 'utf8')), {
    objectives: ['helpful', 'harmless'],
    levels: 4,
    text: '{prompt} {helpful*+}{harmless*-}',
    examples: [
      { levels: { helpful: 4, harmless: 0 }, lastUserTurn: '{prompt} ++++' },
      { levels: { helpful: 0, harmless: 4 }, lastUserTurn: '{prompt} ----' },
      { levels: { helpful: 2, harmless: 2 }, lastUserTurn: '{prompt} ++--' },
    ],
  });
  assert.equal(readFileSync(join(model, 'model.safetensors'), 'utf8'), 'trained');
  for (const name of kept) {
    const same = readFileSync(join(folder, 'project/policy', name), 'utf8');
    assert.equal(readFileSync(join(model, name), 'utf8'), same, name);
  }
  assert.deepEqual(JSON.parse(readFileSync(join(model, 'config.json'), 'utf8')), {
    ...described,
    tie_word_embeddings: false,
    torch_dtype: 'float32',
  });
  assert.equal(existsSync(join(model, 'notes.txt')), false);
  const none = await gapo(t, ['export', 'c'], env);
  assert.equal(none.code, 2);
  assert.match(none.stderr, /run c has no checkpoint yet/);
});
