/** `gapo reward train` as a process: its result, its table, interruption, and the service that hosts the model. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { tokenizerDirectory } from '@gapo/model/testing';
import { connect } from '@gapo/rpc';
import { heldOutSplit } from '@gapo/training';
import { gapo, startGapo, temporaryFolder } from './cli.fixture.js';

const pairs = Array.from({ length: 120 }, (_, i) => ({
  prompt: `Where is number ${i}?`,
  chosen: `Number ${i} is in room two, please ask there.`,
  rejected: `Find number ${i} yourself.`,
}));

/** Writes pairs.jsonl to a temporary folder. Returns the arguments that fit a model on it. */
function writePairs(t: TestContext): { folder: string; out: string; args: string[] } {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'pairs.jsonl'), pairs.map((pair) => JSON.stringify(pair)).join('\n'));
  const out = join(folder, 'polite');
  const args = ['reward', 'train', join(folder, 'pairs.jsonl'), '--out', out, '--threads', '1'];
  return { folder, out, args };
}

const scratch = ['--scratch', join(tokenizerDirectory, 'tokenizer.json')];

test('a reward model is fitted, and serves under the name of its objective', async (t) => {
  const { out, args } = writePairs(t);
  const { code, stdout, stderr } = await gapo(t, [...args, ...scratch, '--held-out', '0.2', '--batch', '8', '--json']);
  assert.equal(code, 0, stderr);
  const { directory, objective, updates, accuracy, ...rest } = JSON.parse(stdout) as {
    directory: string;
    objective: string;
    updates: number;
    accuracy: { value: number; low: number; high: number };
    logLoss: number;
  };
  assert.deepEqual([directory, objective, updates], [out, 'polite', 48]);
  assert.ok(accuracy.value > 0.95 && accuracy.low < accuracy.value && accuracy.value <= accuracy.high);
  assert.deepEqual(Object.keys(rest), ['pairs', 'logLoss', 'calibrationError', 'bins']);
  const record = JSON.parse(readFileSync(join(out, 'training.json'), 'utf8')) as { heldOut: object };
  assert.deepEqual(record.heldOut, { pairs: 24, accuracy, ...rest });
  assert.match(stderr, /^96 pairs, [\d,]+ parameters, 48 updates/);

  const served = startGapo(t, ['reward', 'serve', out, '--listen', '127.0.0.1:0']);
  const { address } = JSON.parse(await served.line(/"address":/)) as { address: string };
  const check = await gapo(t, ['reward', 'check', address, '--seconds', '1']);
  assert.match(check.stdout, /^ok {4}objective: polite, onnx: polite$/m);
  assert.match(check.stdout, /^ok {4}version: [0-9a-f]{64}\+[0-9a-f]{16}$/m);
  assert.match(check.stdout, /\nIt meets the contract\.\n$/);

  // The log loss of the held-out pairs, recomputed from the service's scores, equals the reported one.
  const client = connect('gapo.reward.v1.RewardService', address);
  t.after(() => client.close());
  const places = new Set(heldOutSplit(pairs.length, 0.2, 0).heldOut);
  const heldOut = pairs.filter((_, place) => places.has(place));
  assert.equal(heldOut.length, 24);
  const items = heldOut.flatMap(({ prompt, chosen, rejected }, i) => [
    { id: `chosen ${i}`, prompt, completion: chosen },
    { id: `rejected ${i}`, prompt, completion: rejected },
  ]);
  const { results } = await client.Score({ items }, { deadlineMs: Infinity });
  const scores = results.map(({ score = NaN }) => score);
  const losses = heldOut.map((_, i) => Math.log1p(Math.exp((scores[2 * i + 1] ?? NaN) - (scores[2 * i] ?? NaN))));
  const logLoss = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  assert.ok(Math.abs(logLoss - rest.logLoss) < 1e-4, `served ${logLoss}, measured ${rest.logLoss}`);
  served.child.kill('SIGTERM');
  await served.ended;
});

test('the text output has a calibration table', async (t) => {
  const { out, args } = writePairs(t);
  const { code, stdout, stderr } = await gapo(t, [...args, ...scratch, '--epochs', '1', '--objective', 'kind']);
  assert.equal(code, 0, stderr);
  assert.match(
    stdout,
    /^Of 12 held-out pairs [\d.]+ % have the chosen answer's score above the rejected one's \(95 %: [\d.]+ % to [\d.]+ %\)\.$/m,
  );
  assert.match(stdout, /^probability of the preferred answer +pairs +predicted +observed$/m);
  const { heldOut } = JSON.parse(readFileSync(join(out, 'training.json'), 'utf8')) as {
    heldOut: { bins: { low: number; pairs: number }[] };
  };
  const filled = heldOut.bins.filter((bin) => bin.pairs > 0);
  assert.ok(filled.length < heldOut.bins.length, 'some bin is empty');
  assert.deepEqual(
    [...stdout.matchAll(/^(\d+) % to \d+ % +(\d+) +[\d.]+ % +[\d.]+ %$/gm)].map((row) => [row[1], row[2]]),
    filled.map(({ low, pairs }) => [(100 * low).toFixed(), String(pairs)]),
  );
  assert.doesNotMatch(stdout, /n\/a/);
  assert.match(stdout, /^Expected calibration error 0\.\d{3}\. Log loss \d\.\d{3} nats per pair; chance is 0\.693\.$/m);
  assert.ok(stdout.endsWith(`Wrote ${out}. Serve it with \`gapo reward serve ${out}\`.\n`));
});

test('Ctrl-C leaves nothing behind', async (t) => {
  const { folder, args } = writePairs(t);
  const command = startGapo(t, [...args, ...scratch, '--epochs', '1000', '--batch', '4']);
  await command.line(/^update \d+\/27000, recent loss [\d.]+, held out [\d.]+, [\d,]+ pairs\/s, .* left$/);
  command.child.kill('SIGINT');
  const { code, stdout, stderr } = await command.ended;
  assert.deepEqual([code, stdout], [130, '']);
  assert.match(stderr, /stopped after update \d+; nothing was written\n$/);
  assert.deepEqual(readdirSync(folder), ['pairs.jsonl']);
});

test('an error is one line that says what to fix', async (t) => {
  const { folder, out, args } = writePairs(t);
  const fails = async (more: readonly string[], message: RegExp): Promise<void> => {
    const { code, stderr, stdout } = await gapo(t, [...args, ...more]);
    assert.deepEqual([code, stdout], [2, ''], stderr);
    assert.match(stderr, message);
  };
  await fails([], /^give --from DIRECTORY to start from a decoder, or --scratch TOKENIZER for an embedding bag/);
  await fails([...scratch, '--from', folder], /^--from and --scratch exclude each other: give one of them\n$/);
  await fails([...scratch, '--lora-rank', '2'], /^--lora-rank belongs to --from: /);
  await fails([...scratch, '--held-out', '0'], /Expected a share above 0 and at most 0\.5/);
  await fails(
    [...scratch, '--objective', 'be kind'],
    /^"be kind" is not a valid objective name: give --objective, a word/,
  );
  await fails(['--from', folder], /config\.json: does not exist/);
  writeFileSync(join(folder, 'pairs.jsonl'), '{"prompt": "a", "chosen": "b"}\n');
  await fails(scratch, /pairs\.jsonl:1: rejected: found nothing, expected a text or messages/);
  assert.ok(!existsSync(out));
});
