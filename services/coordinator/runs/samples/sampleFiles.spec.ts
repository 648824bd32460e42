// Completion files: complete or absent, named in errors when damaged, and removed for steps that are repeated.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { removeLeftovers } from '@gapo/service';
import { temporaryDirectory } from '@gapo/service/testing';
import { someSample } from './sample.fixture.js';
import { SampleFiles, type SampleDirectory } from './sampleFiles.js';

async function filesOf(t: TestContext): Promise<{ directory: SampleDirectory; files: SampleFiles }> {
  const samples = join(await temporaryDirectory(t), 'samples');
  const directory = { samples, assertWritable: () => undefined };
  return { directory, files: new SampleFiles(directory) };
}

const record = (step: number) => ({
  step,
  version: step - 1,
  sampled: 9,
  samples: [
    someSample({ step, completion: 'line one\nline two\u2028 é👋' }),
    someSample({ step, sample: 1, logprob: -Infinity }),
  ],
  tokens: [[{ text: 'é👋', logprob: -0.5, advantages: [1, step] }], []],
});

test('completions of the steps that are kept are read back as written', async (t) => {
  const { directory, files } = await filesOf(t);
  assert.deepEqual([await files.steps(), await files.read(1)], [[], undefined]);
  files.rewindTo(0);
  for (let step = 1; step <= 9; step++) await files.write(record(step), 4);
  assert.deepEqual(await files.steps(), [1, 5, 8, 9]);
  const read = await files.read(8);
  assert.deepEqual(read?.samples[0], record(8).samples[0]);
  assert.ok(Number.isNaN(read?.samples[1]?.logprob), 'a number that is not finite is none');
  const one = await files.readOne(8, 0, 0);
  assert.deepEqual(one, { ...record(8).samples[0], tokenList: record(8).tokens[0] });
  assert.deepEqual((await files.readOne(8, 0, 1))?.tokenList, []);
  assert.deepEqual([await files.readOne(8, 0, 2), await files.readOne(7, 0, 0)], [undefined, undefined]);
  files.rewindTo(5);
  assert.deepEqual(await files.steps(), [1, 5]);
  const left = ['step-000001.jsonl', 'step-000001.tokens', 'step-000005.jsonl', 'step-000005.tokens'];
  assert.deepEqual(await readdir(directory.samples), left);
});

test('a half-written file is removed, and one with different bytes is named', async (t) => {
  const { directory, files } = await filesOf(t);
  await files.write(record(1), 4);
  const path = join(directory.samples, 'step-000001.jsonl');
  const text = await readFile(path, 'utf8');
  await writeFile(join(directory.samples, '.step-000002.jsonl.0123456789ab.partial'), text.slice(0, 40));
  await removeLeftovers(directory.samples);
  assert.deepEqual(await readdir(directory.samples), ['step-000001.jsonl', 'step-000001.tokens']);
  for (const damaged of [
    text.slice(0, -20),
    text.replace('line one', 'line 0ne'),
    text.replace('"step":1', '"step":2'),
    '',
  ]) {
    await writeFile(path, damaged);
    await assert.rejects(files.read(1), { name: 'UserError', message: /step-000001\.jsonl is damaged: .*; remove it/ });
  }
  await writeFile(path, text.replace('"format":1', '"format":2'));
  await assert.rejects(files.read(1), /step-000001\.jsonl has format 2, which a later release of gapo wrote/);
  await writeFile(join(directory.samples, 'step-000009.tokens'), 'of a step whose completions were not written');
  files.rewindTo(8);
  assert.ok(!(await readdir(directory.samples)).includes('step-000009.tokens'));
  await writeFile(join(directory.samples, 'step-2.jsonl'), text);
  assert.deepEqual(await files.steps(), [1]);
  await writeFile(path, text);
  const tokens = join(directory.samples, 'step-000001.tokens');
  const bytes = await readFile(tokens);
  for (const other of [bytes.subarray(0, 20), Buffer.alloc(bytes.length), Buffer.from('')]) {
    await writeFile(tokens, other);
    await assert.rejects(files.readOne(1, 0, 0), {
      name: 'UserError',
      message: /step-000001\.tokens is damaged: .* the tokens .*; remove it/,
    });
  }
  await rm(tokens);
  await assert.rejects(files.readOne(1, 0, 0), /step-000001\.tokens is damaged/);
  assert.equal((await files.read(1))?.samples.length, 2, 'the completions do not need them');
  await rm(path);
  execFileSync('mkfifo', [path]);
  await assert.rejects(files.read(1), {
    name: 'UserError',
    message: /step-000001\.jsonl cannot be read: it is not a regular/,
  });
});
