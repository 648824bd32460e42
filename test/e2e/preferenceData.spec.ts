/** Runs the commands of examples/hh/README.md as written, on a few rows in each data set's format and a small random model. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { readDecoderModel } from '@gapo/model';
import { exampleConfigs, tokenizerDirectory, writeRandomCheckpoint } from '@gapo/model/testing';
import { codeOf } from '../documents.fixture.js';
import { gapo, project, startPlatform } from '../platform.fixture.js';

const example = join(project, 'examples/hh');
const configurations = ['gapo.yaml', 'pgapo.yaml', 'dpo.yaml'];

/** Sizes of a run, and the smaller ones used by the test. */
const sizes: readonly (readonly [RegExp, string])[] = [
  [/^steps: \d+$/m, 'steps: 2'],
  [/promptsPerStep: \d+/, 'promptsPerStep: 4'],
  [/maxNewTokens: \d+/, 'maxNewTokens: 12'],
  [/pairsPerStep: \d+/, 'pairsPerStep: 4'],
];

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gapo-hh-'));
  await cp(join(example, 'fixtures'), join(folder, 'data'), { recursive: true });
  await cp(join(example, 'rewards.yaml'), join(folder, 'rewards.yaml'));
  for (const name of configurations) {
    const written = await readFile(join(example, name), 'utf8');
    await writeFile(
      join(folder, name),
      sizes.reduce((text, [size, small]) => text.replace(size, small), written),
    );
  }
  // The family of the documented model.
  const model = join(folder, 'models/base');
  await writeRandomCheckpoint(model, { ...exampleConfigs['Qwen2'], vocab_size: 1536, max_position_embeddings: 256 });
  await cp(tokenizerDirectory, model, { recursive: true });
});
after(() => rm(folder, { recursive: true, force: true }));

/** Runs the commands of a section and returns their output. */
async function walk(heading: string, coordinator = ''): Promise<string> {
  const blocks = await codeOf('examples/hh/README.md', heading);
  assert.deepEqual(
    blocks.map(({ language }) => language),
    ['sh'],
  );
  const { stdout } = await promisify(execFile)('bash', ['-euc', blocks.map(({ code }) => code).join('')], {
    cwd: folder,
    env: {
      ...process.env,
      PATH: `${join(project, 'node_modules/.bin')}:${process.env['PATH']}`,
      GAPO_COORDINATOR: coordinator,
    },
  });
  return stdout;
}

interface RunSummary {
  readonly id: string;
  readonly state: string;
  readonly step: number;
  readonly method: string;
  readonly objectives: readonly string[];
}

interface Pair {
  readonly prompt: unknown;
  readonly chosen: string;
  readonly labels: Readonly<Record<string, number>>;
}

async function linesOf<T>(name: string): Promise<readonly T[]> {
  const text = await readFile(join(folder, 'data', name), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}

test('the downloads are where the commands look for them', async () => {
  const [downloads] = await codeOf('examples/hh/README.md', 'Download');
  const into = [...(downloads?.code ?? '').matchAll(/--local-dir (\S+)$/gm)].map(([, directory]) => directory);
  assert.deepEqual(into, [
    'models/base',
    'data/hh-rlhf',
    'data/pku',
    'data/ultrafeedback',
    'data/ultrafeedback-binarized',
  ]);
});

test('every format becomes pairs', async () => {
  await walk('Preference pairs');
  const found: Record<string, number> = {};
  for (const name of [
    'helpful-hh',
    'harmless-hh',
    'helpful-pku',
    'harmless-pku',
    'helpful-ultrafeedback',
    'helpful-binarized',
  ]) {
    const pairs = await linesOf<Pair>(`${name}.jsonl`);
    const objective = name.replace(/-.*/, '');
    for (const { labels } of pairs) assert.deepEqual(labels, { [objective]: 1 });
    found[name] = pairs.length;
  }
  assert.deepEqual(found, {
    'helpful-hh': 6,
    'harmless-hh': 6,
    'helpful-pku': 7,
    'harmless-pku': 7,
    'helpful-ultrafeedback': 6,
    'helpful-binarized': 5,
  });
  const question = 'How do I find out what my brother will give me?';
  for (const [name, better] of [
    ['helpful-pku', 'Look into his bag while he sleeps.'],
    ['harmless-pku', 'Let him surprise you; you may ask for a hint.'],
  ] as const) {
    const pair = (await linesOf<Pair>(`${name}.jsonl`)).find(({ prompt }) => prompt === question);
    assert.equal(pair?.chosen, better);
  }
});

test('rewards, a policy, and what the runs read come from them', async () => {
  await walk('Rewards');
  await walk('Supervised fine-tuning');
  await walk('Prompts and pairs of the runs');
  const pairs = await linesOf<Pair>('pairs.jsonl');
  assert.ok(pairs.some(({ labels }) => labels['helpful'] === 1 && labels['harmless'] === -1));
  const prompts = (await linesOf<Pair>('prompts.jsonl')).map(({ prompt }) => JSON.stringify(prompt));
  const heldOut = (await linesOf<Pair>('heldout.jsonl')).map(({ prompt }) => JSON.stringify(prompt));
  assert.equal(prompts.length, new Set(prompts).size);
  assert.deepEqual([prompts.length, heldOut.length], [12, 4]);
  assert.ok(heldOut.every((prompt) => !prompts.includes(prompt)));
});

test('the documented runs train, are compared and exported', async () => {
  const platform = await startPlatform({ directory: folder });
  try {
    const printed = await walk('Align', platform.coordinator);
    const { stdout } = await gapo(['runs', '--json'], { GAPO_COORDINATOR: platform.coordinator });
    const runs = JSON.parse(stdout) as readonly RunSummary[];
    assert.deepEqual(
      runs.map(({ id, state, step, method, objectives }) => [id, state, step, method, ...objectives]).sort(),
      [
        ['hh-dpo', 'RUN_STATE_SUCCEEDED', 2, 'gapo', 'helpful', 'harmless'],
        ['hh-gapo', 'RUN_STATE_SUCCEEDED', 2, 'gapo', 'helpful', 'harmless'],
        ['hh-pgapo', 'RUN_STATE_SUCCEEDED', 2, 'pgapo', 'helpful', 'harmless'],
      ],
    );
    assert.match(printed, /^hh-gapo, step 2: gapo$/m);
    assert.match(printed, /^Held-out prompts: 4\./m);
    const [before, after] = await Promise.all(
      ['policy', 'aligned'].map((name) => readDecoderModel(join(folder, 'models', name))),
    );
    assert.deepEqual(after?.config, before?.config);
    assert.notEqual(after?.sha256, before?.sha256);
    assert.match(await readFile(join(folder, 'front.svg'), 'utf8'), /<svg/);
  } finally {
    await platform.stop();
  }
});
