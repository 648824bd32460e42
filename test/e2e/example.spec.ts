/** `gapo run --json` on the example, cut to two steps: the output of `make run JSON=1`. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gapo, project } from '../platform.fixture.js';

interface Summary {
  readonly objectives: Readonly<Record<string, { before: number; after: number; ci: [number, number] }>>;
  readonly winRate: number;
  readonly wallSeconds: number;
  readonly stationarity: number;
  readonly checkpoint: string;
  readonly page: string;
  readonly trace: string;
}

test('gapo run --json ends with one JSON object, and every file that it names exists', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'gapo-example-'));
  const example = join(project, 'examples/assistant');
  const yaml = (await readFile(join(example, 'run.yaml'), 'utf8'))
    .replace(/^steps: \d+$/m, 'steps: 2')
    .replaceAll(/: (models|prompts)\//g, `: ${example}/$1/`);
  await writeFile(join(directory, 'run.yaml'), yaml);
  const { code, stdout, stderr } = await gapo([
    'run',
    join(directory, 'run.yaml'),
    '--json',
    '--data',
    join(directory, 'data'),
    '--port-base',
    '0',
    '--http-port',
    '0',
  ]);
  assert.equal(code, 0, stderr);
  const last = stdout.trim().split('\n').at(-1) ?? assert.fail('nothing was printed');
  const summary = JSON.parse(last) as Summary;
  assert.deepEqual(Object.keys(summary.objectives), ['helpful', 'harmless']);
  for (const { before, after, ci } of Object.values(summary.objectives)) {
    assert.ok(Number.isFinite(before) && ci[0] <= after && after <= ci[1]);
  }
  assert.ok(summary.winRate >= 0 && summary.winRate <= 1);
  assert.ok(summary.wallSeconds > 0 && summary.stationarity >= 0);
  for (const path of [summary.checkpoint, summary.page, summary.trace]) assert.ok(existsSync(path), path);
  await rm(directory, { recursive: true });
});
