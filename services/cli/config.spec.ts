/** `gapo config`: checks, shows and describes run configurations without a coordinator. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gapo, temporaryFolder } from './cli.fixture.js';
import { projectRoot } from './project.js';

const example = join(projectRoot, 'examples/assistant/run.yaml');

test('check accepts the example and prints every problem of another file', async (t) => {
  const good = await gapo(t, ['config', 'check', example]);
  assert.equal(good.code, 0, good.stderr);
  assert.match(good.stdout, /is valid: 110 steps of ppo with helpful, harmless by gapo\n$/);

  const path = join(temporaryFolder(t), 'run.yaml');
  writeFileSync(path, readFileSync(example, 'utf8').replace('steps: 110', 'steps: many\nsteap: 3'));
  const bad = await gapo(t, ['config', 'check', path]);
  assert.deepEqual([bad.code, bad.stdout], [2, '']);
  const lines = bad.stderr.trimEnd().split('\n');
  assert.equal(lines.length, 2);
  assert.match(
    lines.join('\n'),
    /^run\.yaml:\d+:8 steps: found string "many", .*\nrun\.yaml:\d+:1 steap: found unknown/,
  );
});

test('show prints a file with every default, which is the same configuration', async (t) => {
  const shown = await gapo(t, ['config', 'show', example]);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /^ {2}topP: 1$/m);
  const path = join(temporaryFolder(t), 'run.yaml');
  writeFileSync(path, shown.stdout);
  const sha256 = async (file: string): Promise<unknown> =>
    JSON.parse((await gapo(t, ['config', 'check', file, '--json'])).stdout) as unknown;
  assert.deepEqual(await sha256(path), await sha256(example));
});

test('schema prints the JSON Schema of the repository', async (t) => {
  const { code, stdout } = await gapo(t, ['config', 'schema']);
  assert.equal(code, 0);
  assert.equal(stdout, readFileSync(join(projectRoot, 'docs/run.schema.json'), 'utf8'));
});
