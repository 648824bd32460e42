/**
 * `gapo reward check` against services that follow the contract and services that each break it in one way.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import {
  connect,
  implement,
  messageBytes,
  RpcError,
  serve,
  type Handlers,
  type Item,
  type ResultInput,
} from '@gapo/rpc';
import { gapo, startGapo, temporaryFolder } from '../cli.fixture.js';
import { projectRoot } from '../project.js';
import { batchSizes } from './throughput.js';

type Reward = Handlers<'gapo.reward.v1.RewardService'>;
type ScoreOf = (item: Item, index: number, batch: readonly Item[]) => ResultInput;

const length: ScoreOf = ({ id, completion }) => ({ id, score: completion.length });

/** Implements Score by a function of one item, with a limit of 32 items. */
function byItem(scoreOf: ScoreOf): Reward['Score'] {
  return async ({ items }) => {
    if (items.length > 32) throw new RpcError('INVALID_ARGUMENT', 'too many');
    return { results: items.map(scoreOf), version: '1' };
  };
}

const described: Reward['Describe'] = async () => ({
  objective: 'length',
  model: 'letters',
  version: '1',
  orientation: 'ORIENTATION_HIGHER_IS_BETTER',
  maxBatch: 32,
});

async function started(t: TestContext, score: Reward['Score'], describe = described): Promise<string> {
  const service = implement('gapo.reward.v1.RewardService', { Describe: describe, Score: score });
  const server = await serve({ address: '127.0.0.1:0', services: [service], shutdownGraceMs: 0 });
  t.after(() => server.stop());
  return server.address;
}

test('a service that meets the contract: description, throughput, exit code 0', async (t) => {
  const address = await started(t, byItem(length));
  const { stdout, code } = await gapo(t, ['reward', 'check', address, '--seconds', '1']);
  assert.equal(code, 0);
  assert.match(stdout, /^ok {4}objective: length, letters$/m);
  assert.match(stdout, /^ok {4}unusual texts: 11 of 11 have scores$/m);
  assert.match(stdout, /^items per call +calls +p50 ms +p99 ms +items\/s$/m);
  assert.match(stdout, /^ +32 +\d+ +[\d.]+ +[\d.]+ +[\d,]+$/m);
  assert.match(stdout, /\n\nIt meets the contract\.\n$/);
  assert.doesNotMatch(stdout, /FAILS|note/);
});

describe('a broken contract: what is wrong, how to fix it, exit code 2', () => {
  let calls = 0;
  const faults: readonly (readonly [string, Reward['Score'], RegExp])[] = [
    [
      'a score that is not finite',
      byItem((item) => ({ id: item.id, score: NaN })),
      /^FAILS scores: 64 of 64 are NaN$/m,
    ],
    [
      'too few results',
      async ({ items }) => ({ results: items.slice(1).map(length), version: '1' }),
      /^FAILS scores: 31 results for 32 items$/m,
    ],
    [
      'results in another order',
      async ({ items }) => ({
        results: items.map(length).sort(({ id: a = '' }, { id: b = '' }) => (a < b ? 1 : -1)),
        version: '1',
      }),
      /^FAILS scores: result 0 is for "item 9", expected "item 0"$/m,
    ],
    [
      'a different score each time',
      byItem(({ id }) => ({ id, score: ++calls })),
      /^FAILS the same batch twice: scores differ by up to /m,
    ],
    [
      'scores that depend on the batch',
      byItem(({ id, completion }, _, batch) => ({ id, score: completion.length + batch.length / 100 })),
      /^FAILS each item alone: scores differ by up to 0\.150$/m,
    ],
    [
      'scores that depend on the position in the batch',
      byItem(({ id }, index) => ({ id, score: index % 32 })),
      /^FAILS the batch in reverse: scores differ by up to 31\.0$/m,
    ],
    [
      'a call that fails for an unusual text',
      async ({ items }) => {
        if (items.some(({ completion }) => completion === '')) throw new RpcError('INTERNAL', 'division by zero');
        return { results: items.map(length), version: '1' };
      },
      /^FAILS an empty completion: INTERNAL: division by zero\n {6}fix: return a score or an error for the item/m,
    ],
  ];
  for (const [what, score, line] of faults) {
    test(what, async (t) => {
      const { stdout, code } = await gapo(t, ['reward', 'check', await started(t, score)]);
      assert.match(stdout, line);
      assert.match(stdout, /It breaks the contract in \d+ ways?\.\n$/);
      assert.equal(code, 2);
    });
  }

  test('an invalid range, and scores outside the stated range', async (t) => {
    const describe: Reward['Describe'] = async (...args) => ({
      ...(await described(...args)),
      minimum: 5,
      threshold: 4,
    });
    const address = await started(t, byItem(length), describe);
    const { stdout } = await gapo(t, ['reward', 'check', address]);
    assert.match(stdout, /^FAILS range: minimum 5, threshold 4, maximum none$/m);
    assert.match(stdout, /^FAILS range: scores from 3 to 85$/m);
  });
});

test('--json prints one object; item errors and a missing version are notes', async (t) => {
  const score = byItem((item, ...rest) =>
    item.completion.length > 1000 ? { id: item.id, error: { message: 'too long' } } : length(item, ...rest),
  );
  const describe: Reward['Describe'] = async (...args) => ({ ...(await described(...args)), version: '', minimum: 0 });
  const { stdout, code } = await gapo(t, [
    'reward',
    'check',
    await started(t, score, describe),
    '--seconds',
    '1',
    '--json',
  ]);
  assert.equal(code, 0);
  const report = JSON.parse(stdout) as {
    description: Record<string, unknown>;
    findings: { what: string; verdict: string; found: string }[];
    speeds: { batch: number; itemsPerSecond: number }[];
  };
  assert.deepEqual(
    Object.keys(report.description).filter((name) => !/^[a-z]/.test(name)),
    [],
  );
  const notes = report.findings.filter(({ verdict }) => verdict !== 'ok').map(({ what, found }) => `${what}: ${found}`);
  assert.deepEqual(notes, [
    'version: none: its scores are never cached',
    'unusual texts: no score for 20,000 words, a word of 100,000 letters (too long)',
  ]);
  assert.deepEqual(
    report.speeds.map(({ batch }) => batch),
    [1, 4, 16, 32],
  );
});

describe('calls of many bytes', () => {
  test('a service that receives what it states meets the contract', async (t) => {
    const describe: Reward['Describe'] = async (...args) => ({ ...(await described(...args)), maxBytes: 2 ** 20 });
    let largest = 0;
    const score: Reward['Score'] = async (request, context) => {
      largest = Math.max(largest, messageBytes('gapo.reward.v1.ScoreRequest', request));
      return byItem(length)(request, context);
    };
    const { stdout, code } = await gapo(t, ['reward', 'check', await started(t, score, describe), '--seconds', '1']);
    assert.match(stdout, /^ok {4}a call of 1\.0 MiB: is received$/m);
    assert.equal(code, 0);
    assert.ok(largest <= 2 ** 20 && largest > 0.99 * 2 ** 20, `${largest}`);
  });

  test('a service that receives less than it states, or than a batch of long items has', async (t) => {
    const score: Reward['Score'] = async (request, context) => {
      const bytes = messageBytes('gapo.reward.v1.ScoreRequest', request);
      const words = `Received message larger than max (${bytes} vs. 4194304)`;
      if (bytes > 2 ** 22) throw new RpcError('RESOURCE_EXHAUSTED', words);
      return byItem(length)(request, context);
    };
    const silent = await gapo(t, ['reward', 'check', await started(t, score), '--seconds', '1']);
    assert.match(
      silent.stdout,
      /^note {2}a call of 8\.0 MiB: RESOURCE_EXHAUSTED: Received message larger than max .*\n {6}fix: raise the receive limit/m,
    );
    assert.equal(silent.code, 0);
    const describe: Reward['Describe'] = async (...args) => ({ ...(await described(...args)), maxBytes: 2 ** 23 });
    const promising = await gapo(t, ['reward', 'check', await started(t, score, describe)]);
    assert.match(
      promising.stdout,
      /^FAILS a call of 8\.0 MiB: RESOURCE_EXHAUSTED: .*; Describe states max_bytes 8388608$/m,
    );
    assert.equal(promising.code, 2);
  });
});

test('a service that scores nothing: its own error is quoted, and no scores are compared', async (t) => {
  const score = byItem(({ id }) => ({ id, error: { message: 'the judge is offline' } }));
  const { stdout, code } = await gapo(t, ['reward', 'check', await started(t, score)]);
  assert.equal(code, 2);
  assert.match(stdout, /^FAILS scores: 64 of 64 ordinary exchanges have none: the judge is offline$/m);
  for (const what of ['the same batch twice', 'the batch in reverse', 'each item alone']) {
    assert.match(stdout, new RegExp(`^note {2}${what}: no scores to compare$`, 'm'));
  }
  assert.equal(stdout.match(/the judge is offline/g)?.length, 2);
});

test('an address where nothing listens, and an invalid address', async (t) => {
  const silent = await gapo(t, ['reward', 'check', '127.0.0.1:1', '--timeout', '1']);
  assert.equal(silent.code, 2);
  assert.match(silent.stdout, /^FAILS Describe: (UNAVAILABLE|DEADLINE_EXCEEDED): /);
  assert.match(silent.stdout, /\nNo reward service answered at that address\. Nothing was checked\.\n$/);
  const wrong = await gapo(t, ['reward', 'check', 'here']);
  assert.deepEqual(
    [wrong.code, wrong.stderr],
    [
      2,
      "error: command-argument value 'here' is invalid for argument 'address'. Expected host:port, such as 127.0.0.1:50061.\n",
    ],
  );
});

test('batch sizes end at the limit', () => {
  assert.deepEqual([batchSizes(1), batchSizes(4), batchSizes(256)], [[1], [1, 4], [1, 4, 16, 64, 256]]);
});

describe('gapo reward serve', () => {
  test('serves a file of rules under another name until SIGTERM, and ends with 0', async (t) => {
    const rules = join(temporaryFolder(t), 'short.yaml');
    writeFileSync(rules, 'objective: short\nrules: [{ kind: length, target: 3, scale: 2 }]\n');
    const served = startGapo(t, ['reward', 'serve', rules, '--listen', '127.0.0.1:0', '--objective', 'terse']);
    const line = await served.line(/"address":/);
    const { address } = JSON.parse(line) as { address: string };
    const { stdout, code } = await gapo(t, ['reward', 'check', address, '--seconds', '1']);
    assert.match(stdout, /^ok {4}objective: terse, rules: short\.yaml$/m);
    assert.equal(code, 0);
    served.child.kill('SIGTERM');
    assert.equal((await served.ended).code, 0);
  });

  test('serves several classifiers from one process, each at its own address', async (t) => {
    const models = ['helpful', 'harmless'].map((name) => join(projectRoot, 'examples/assistant/models', name));
    const served = startGapo(t, ['reward', 'serve', ...models, '--listen', '127.0.0.1:0', '--objective', 'one,two']);
    const { address } = JSON.parse(await served.line(/"address":/)) as { address: string };
    const addresses = address.split(',');
    assert.equal(addresses.length, 2);
    const clients = addresses.map((target) => connect('gapo.reward.v1.RewardService', target));
    t.after(() => clients.forEach((client) => client.close()));
    const described = await Promise.all(clients.map((client) => client.Describe({}, { deadlineMs: Infinity })));
    assert.deepEqual(
      described.map(({ objective, model }) => [objective, model]),
      [
        ['one', 'onnx: helpful'],
        ['two', 'onnx: harmless'],
      ],
    );
    served.child.kill('SIGTERM');
    assert.equal((await served.ended).code, 0);
  });

  test('a source that cannot be served: one line and exit code 2', async (t) => {
    const folder = temporaryFolder(t);
    const missing = await gapo(t, ['reward', 'serve', join(folder, 'none')]);
    assert.match(
      missing.stderr,
      /none does not exist; give a directory with config\.json \(onnx\) or a YAML file with the key rules \(rules\) or /,
    );
    writeFileSync(join(folder, 'judge.yaml'), 'objective: x\nprotocol: telepathy\n');
    const judge = await gapo(t, ['reward', 'serve', join(folder, 'judge.yaml')]);
    assert.match(judge.stderr, /judge\.yaml.* protocol: found/);
    writeFileSync(join(folder, 'model.yaml'), 'objective: x\ntarget: nowhere\n');
    const model = await gapo(t, ['reward', 'serve', join(folder, 'model.yaml')]);
    assert.match(model.stderr, /model\.yaml.* target: found string "nowhere", expected a host:port string/);
    assert.deepEqual([missing.code, judge.code, model.code], [2, 2, 2]);
    writeFileSync(join(folder, 'config.json'), '{}');
    const mixed = await gapo(t, ['reward', 'serve', folder, join(folder, 'model.yaml')]);
    assert.match(mixed.stderr, /model\.yaml \(oip\) cannot share a process with .* \(onnx\): serve it by itself\n$/);
    assert.equal(mixed.code, 2);
  });
});
