/** `gapo sft` as a process: options, result and interruption. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readDecoderModel } from '@gapo/model';
import { writeSmallModel } from '@gapo/model/testing';
import { gapo, startGapo, temporaryFolder } from './cli.fixture.js';
import { projectRoot } from './project.js';

/** Writes model/ and data.jsonl to a temporary folder. Returns the arguments that train on them. */
async function writeTrainingData(t: TestContext): Promise<{ folder: string; args: string[] }> {
  const folder = temporaryFolder(t);
  const model = join(folder, 'model');
  await writeSmallModel(model);
  const lines = Array.from({ length: 40 }, (_, i) => ({ prompt: `Where is number ${i}?`, completion: 'In room two.' }));
  writeFileSync(join(folder, 'data.jsonl'), lines.map((line) => JSON.stringify(line)).join('\n'));
  const args = ['sft', join(folder, 'data.jsonl'), '--model', model, '--out', join(folder, 'out'), '--threads', '1'];
  return { folder, args };
}

test('a model is trained, and stdout has only the result', async (t) => {
  const { folder, args } = await writeTrainingData(t);
  const { code, stdout, stderr } = await gapo(t, [...args, '--learning-rate', '1e-2', '--epochs', '4', '--json']);
  assert.equal(code, 0, stderr);
  const result = JSON.parse(stdout) as { directory: string; updates: number; heldOutLosses: number[]; sha256: string };
  assert.equal(result.directory, join(folder, 'out'));
  assert.equal(result.updates, 12);
  assert.equal(result.heldOutLosses.length, 5);
  const [before = NaN] = result.heldOutLosses;
  assert.ok((result.heldOutLosses.at(-1) ?? NaN) < before);
  assert.equal((await readDecoderModel(result.directory)).sha256, result.sha256);
  assert.match(stderr, /^38 sequences, [\d,]+ parameters, 12 updates/);
});

test('the text names the unit that each loss is a mean over', async (t) => {
  const { folder, args } = await writeTrainingData(t);
  const { code, stdout, stderr } = await gapo(t, args);
  assert.equal(code, 0, stderr);
  const losses = /^(.*): loss \d\.\d{3} over the last tenth of the updates, held out \d\.\d{3} → \d\.\d{3}; use it as /;
  assert.equal(losses.exec(stdout)?.[1], join(folder, 'out'), stdout);
  assert.match(stderr, /^update 3\/3, recent loss \d\.\d{3}, held out \d\.\d{3}, [\d,]+ tokens\/s$/m);
});

test('Ctrl-C keeps the progress, and the same command resumes', async (t) => {
  const { folder, args } = await writeTrainingData(t);
  const long = [...args, '--epochs', '60', '--lora-rank', '2', '--batch', '4'];
  const command = startGapo(t, long);
  await command.line(/^update \d+\/600, recent loss [\d.]+, held out [\d.]+, [\d,]+ tokens\/s, .* left$/);
  command.child.kill('SIGINT');
  const { code, stderr } = await command.ended;
  assert.equal(code, 130);
  const stopped = Number(/stopped after update (\d+); the same command resumes from there/.exec(stderr)?.[1]);
  assert.ok(stopped > 0 && stopped < 600, stderr);
  assert.ok(!existsSync(join(folder, 'out/model.safetensors')));
  const again = startGapo(t, long);
  await again.line(new RegExp(`, resuming after update ${stopped}`));
  again.child.kill('SIGINT');
  await again.ended;
});

test('an error is one line that says what to fix', async (t) => {
  const { folder, args } = await writeTrainingData(t);
  const fails = async (more: readonly string[], message: RegExp): Promise<void> => {
    const { code, stderr, stdout } = await gapo(t, [...args, ...more]);
    assert.deepEqual([code, stdout], [2, ''], stderr);
    assert.match(stderr, message);
  };
  await fails(['--lora-alpha', '4'], /--lora-alpha and --lora-targets belong to adapters: give --lora-rank too/);
  await fails(['--held-out', '0.9'], /Expected a share from 0 to 0\.5/);
  await fails(
    ['--device', 'cuda'],
    /\ndevice 'cuda' is not available on this machine: .*; set the device to cpu, or run an image with that provider/,
  );
  writeFileSync(join(folder, 'data.jsonl'), '{"prompt": "a"}\n');
  await fails(
    [],
    /data\.jsonl:1: completion: found nothing, expected a text; the columns are prompt; a line is \{"text"\}, \{"prompt", "completion"\} or \{"messages"/,
  );
});

test('the command itself does not load the tensor runtime', () => {
  const { dependencies } = JSON.parse(readFileSync(join(projectRoot, 'services/cli/package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  for (const name of ['@gapo/training', '@gapo/policy', '@gapo/graph']) assert.ok(!(name in dependencies), name);
});
