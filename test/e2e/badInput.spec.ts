/**
 * For invalid input the command line names the problem, its location and the fix, exits with 2 and leaves nothing behind.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, readdir, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  type CommandResult,
  type Platform,
  type Workspace,
  gapo,
  makeWorkspace,
  runYaml,
  startPlatform,
} from '../platform.fixture.js';

describe('invalid input', () => {
  let workspace: Workspace;
  let platform: Platform;
  before(async () => {
    workspace = await makeWorkspace();
    platform = await startPlatform({ directory: workspace.directory });
  });
  after(async () => {
    await platform.stop();
    await workspace.remove();
  });

  let count = 0;
  const train = async (lines: Readonly<Record<string, string>>): Promise<CommandResult> => {
    await writeFile(workspace.run, runYaml(lines));
    return gapo(['train', workspace.run, '--id', `refused-${count++}`, '--coordinator', platform.coordinator]);
  };

  /** Asserts exit code 2, the messages on stderr, no stack trace and no run left behind. */
  async function refused(result: CommandResult, ...patterns: RegExp[]): Promise<void> {
    assert.equal(result.code, 2, `${result.stdout}\n${result.stderr}`);
    for (const pattern of patterns) assert.match(result.stderr, pattern);
    assert.doesNotMatch(result.stderr, /\n\s+at /, 'no stack trace');
    const data = join(workspace.directory, 'data');
    const left = existsSync(data) ? (await readdir(data)).filter((name) => name.startsWith('refused-')) : [];
    assert.deepEqual(left, []);
  }

  test('an unknown key, with its place and the nearest known one', async () => {
    await refused(await train({ sede: '4' }), /run\.yaml:\d+:\d+ sede: /, /did you mean "seed"/);
  });

  test('a value of the wrong type, with its path, what was found and what was expected', async () => {
    await refused(await train({ steps: 'many' }), /run\.yaml:\d+:\d+ steps: found .*many.*expected/);
  });

  test('every problem of a file at once', async () => {
    const result = await train({ steps: '-1', combine: '{ method: gapo, p: two }', rollout: '{ shard: 2 }' });
    await refused(result, / steps: /, / combine\.p: /, / rollout\.shard: /);
  });

  test('a model that does not exist', async () => {
    await refused(await train({ policy: '{ model: nowhere }' }), /nowhere: does not exist/);
  });

  test('a truncated weight file, and a corrupt one', async () => {
    const broken = await makeWorkspace();
    const weights = join(broken.directory, 'policy', 'model.safetensors');
    const bytes = await readFile(weights);
    await truncate(weights, bytes.length - 100);
    await refused(
      await train({ policy: `{ model: ${join(broken.directory, 'policy')} }` }),
      /model\.safetensors: .*cut short/,
    );
    bytes.write('garbage', 8);
    await writeFile(weights, bytes);
    await refused(
      await train({ policy: `{ model: ${join(broken.directory, 'policy')} }` }),
      /model\.safetensors: .*header that is not JSON/,
    );
    await broken.remove();
  });

  test("another model's tokenizer", async () => {
    const broken = await makeWorkspace();
    const path = join(broken.directory, 'policy', 'config.json');
    const config = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    await writeFile(path, JSON.stringify({ ...config, vocab_size: 1000 }));
    const result = await train({ policy: `{ model: ${join(broken.directory, 'policy')} }` });
    await refused(
      result,
      /embed_tokens\.weight' is \[1536,32\], config\.json expects \[1000,32\]|token ids up to 1535.*vocab_size 1000/,
    );
    await broken.remove();
  });

  test('a reward service that does not answer', async () => {
    const objectives = '[{ name: short }, { name: vowels, service: "127.0.0.1:1" }]';
    await refused(await train({ objectives }), /vowels/, /127\.0\.0\.1:1/, /connection refused/i);
  });

  test('prompts that do not exist, and a line that is not JSON', async () => {
    await refused(await train({ data: '{ prompts: nowhere.jsonl }' }), /nowhere\.jsonl/);
    await writeFile(join(workspace.directory, 'bad.jsonl'), '{"id":"1","prompt":"Fine."}\n{"id":\n');
    await refused(await train({ data: '{ prompts: bad.jsonl }' }), /bad\.jsonl:2/);
  });

  test('a configuration that does not exist', async () => {
    await refused(
      await gapo(['train', join(workspace.directory, 'none.yaml'), '--coordinator', platform.coordinator]),
      /none\.yaml/,
    );
  });

  test('a coordinator that does not answer', async () => {
    await refused(await gapo(['runs', '--coordinator', '127.0.0.1:1']), /127\.0\.0\.1:1/, /gapo up/);
  });

  test('a port that is in use', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => holder.once('listening', resolve));
    const address = holder.address();
    assert.ok(address !== null && typeof address === 'object');
    const other = await makeWorkspace();
    const result = await gapo([
      'up',
      '--rewards',
      join(other.directory, 'rewards.yaml'),
      '--data',
      join(other.directory, 'data'),
      '--port-base',
      String(address.port),
      '--http-port',
      '0',
    ]);
    await refused(result, new RegExp(String(address.port)));
    holder.close();
    await other.remove();
  });

  test('a missing reward model', async () => {
    const other = await makeWorkspace();
    await writeFile(join(other.directory, 'rewards.yaml'), 'rewards: [{ name: short, kind: onnx, model: nowhere }]\n');
    const result = await gapo([
      'up',
      '--rewards',
      join(other.directory, 'rewards.yaml'),
      '--data',
      join(other.directory, 'data'),
      '--port-base',
      '0',
      '--http-port',
      '0',
    ]);
    await refused(result, /nowhere/);
    await other.remove();
  });
});
