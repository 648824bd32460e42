/**
 * The packages written by `make pack`, installed in an empty folder: the command with all services, and the TypeScript SDK
 * for reward services. Needs the npm registry or its cache.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { connect } from '@gapo/rpc';
import { startProcess } from '@gapo/service/testing';
import { type Command, gapo, makeWorkspace, project, startPlatform } from '../platform.fixture.js';

const run = promisify(execFile);

const rewardService = `
import { NoScore, serveReward, type Reward, type ScoreItem } from '@gapo/reward';

const score: Reward['score'] = ({ prompt, completion }: ScoreItem) => {
  if (prompt === '') throw new NoScore('the prompt is empty');
  return 1 / (1 + completion.split(' ').length);
};
// @ts-expect-error a score is a number
export const wrong: Reward = { objective: 'concise', score: () => 'high' };
await serveReward({ objective: 'concise', score, minimum: 0, maximum: 1 });
`;

describe('packages', () => {
  let folder: string;
  let command: Command;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gapo-packages-'));
    const names = ['@gapo/reward', '@gapo/cli'];
    const { stdout } = await run('node', [join(project, 'deploy/npm/pack.mjs'), folder, ...names], { cwd: folder });
    const packages = stdout.trim().split('\n');
    assert.equal(packages.length, 2, stdout);
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    // The tensor runtime, which is optional, takes longer to unpack than everything else together.
    const flags = ['--prefer-offline', '--omit=optional', '--no-audit', '--no-fund'];
    await run('npm', ['install', ...flags, ...packages], { cwd: folder });
    command = { script: join(folder, 'node_modules/.bin/gapo'), cwd: folder };
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test('npm installs the command, which plans a run', async () => {
    const { stdout } = await run(command.script, ['--help'], { cwd: folder });
    assert.match(stdout, /^Usage: gapo /);
    const args = ['plan', join(project, 'examples/assistant/run.yaml'), '--json'];
    const plan = await gapo(args, {}, command);
    assert.equal(plan.code, 0, plan.stderr);
    assert.deepEqual(JSON.parse(plan.stdout), JSON.parse((await gapo(args)).stdout));
  });

  test('gapo doctor reports that the tensor runtime is missing, and how to install it', async () => {
    const { code, stdout } = await gapo(['doctor'], {}, command);
    assert.equal(code, 2);
    assert.match(stdout, /MISSING onnxruntime-node: .*Cannot find package 'onnxruntime-node'/);
    assert.match(stdout, /npm install --include=optional/);
    assert.match(stdout, /ok +services: built/);
    assert.doesNotMatch(stdout, /example/);
    const up = await gapo(['up', '--data', join(folder, 'data')], {}, command);
    assert.equal(up.code, 2);
    assert.match(up.stderr, /rewards\.yaml does not exist; give the file of reward services with --rewards FILE/);
  });

  test('a reward service in TypeScript compiles against its types and scores', async (t) => {
    await writeFile(join(folder, 'reward.mts'), rewardService);
    const tsc = join(project, 'node_modules/typescript/bin/tsc');
    const strict = ['--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2023'];
    await run('node', [tsc, ...strict, 'reward.mts'], { cwd: folder });
    const nodeArgs = ['--import', pathToFileURL(join(folder, 'node_modules/@gapo/reward/dist/tracing.js')).href];
    const service = startProcess(
      pathToFileURL(join(folder, 'reward.mjs')),
      { env: { LISTEN: '127.0.0.1:0' }, nodeArgs },
      t,
    );
    const address = await service.address();
    const client = connect('gapo.reward.v1.RewardService', address);
    t.after(() => client.close());
    const items = [
      { id: 'a', prompt: 'p', completion: 'one two three' },
      { id: 'b', prompt: '', completion: 'one' },
    ];
    const { results } = await client.Score({ items }, { deadlineMs: Infinity });
    assert.deepEqual(
      results.map(({ id, score, error }) => [id, score, error?.message]),
      [
        ['a', 0.25, undefined],
        ['b', undefined, 'the prompt is empty'],
      ],
    );
    const check = await gapo(['reward', 'check', address], {}, command);
    assert.equal(check.code, 0, check.stdout + check.stderr);
    service.kill('SIGTERM');
    assert.equal(await service.closed, 0, service.output());
  });

  test('all services run from the package, and a run trains to completion', async (t) => {
    const runtime = join(folder, 'node_modules/onnxruntime-node');
    await symlink(join(project, 'node_modules/onnxruntime-node'), runtime);
    const workspace = await makeWorkspace();
    t.after(() => workspace.remove());
    const platform = await startPlatform({ directory: workspace.directory, command });
    t.after(() => platform.stop());
    const at = ['--coordinator', platform.coordinator];
    const trained = await gapo(['train', workspace.run, '--id', 'packed', '--watch', ...at], {}, command);
    assert.equal(trained.code, 0, trained.stderr);
    const runs = await gapo(['runs', '--json', ...at], {}, command);
    assert.match(runs.stdout, /RUN_STATE_SUCCEEDED|succeeded/);
  });
});
