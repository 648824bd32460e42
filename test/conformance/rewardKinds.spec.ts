/** Parts of the chart and the docs are generated from the registry of reward kinds. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileWith, rewardKind, rewardKinds, type RewardKinds } from '@gapo/config';
import { positiveInt } from '@gapo/service';
import { temporaryDirectory } from '@gapo/service/testing';
import { environmentOf, helm, renderFolder, workloads } from './rendered.js';
import { projectRoot } from './services.js';

/** The functions of the generator, which is an untyped script. */
interface Generator {
  readonly chartSchema: (schema: unknown, kinds: RewardKinds) => unknown;
  readonly chartVariables: (kinds: RewardKinds) => unknown;
  readonly kindsTable: (kinds: RewardKinds) => readonly string[];
}

const script = join(projectRoot, 'services/reward/kinds.gen.mjs');
const { chartSchema, chartVariables, kindsTable } = (await import(script)) as Generator;

const toy = rewardKind({
  summary: 'a toy',
  entry: { toy: fileWith('bricks').describe('its file'), largestTower: positiveInt.describe('a height') },
  settings: {},
});
const kinds = { ...rewardKinds, toy };

test('the committed schema, variables, comments and tables match the registry', () => {
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { cwd: projectRoot, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});

test('a registered kind is a row of the table', () => {
  const row =
    '| [`toy`](#toy) | a toy | `toy`: its file; `largestTower`: a height | `REWARD_TOY`, `REWARD_LARGEST_TOWER` | none |';
  assert.ok(kindsTable(kinds).includes(row));
});

test(
  'the chart deploys a newly registered kind, and refuses keys of other kinds',
  { skip: helm === undefined && 'helm is not available' },
  async (t) => {
    const folder = await temporaryDirectory(t);
    cpSync(join(projectRoot, 'deploy/helm/gapo'), folder, { recursive: true });
    const schemaFile = join(folder, 'values.schema.json');
    const schema: unknown = JSON.parse(readFileSync(schemaFile, 'utf8'));
    writeFileSync(schemaFile, JSON.stringify(chartSchema(schema, kinds)));
    writeFileSync(join(folder, 'reward-kinds.json'), JSON.stringify(chartVariables(kinds)));
    const reward = { name: 'play', kind: 'toy', toy: 'castle.yaml', largestTower: 2_500_000 };
    const values = (entry: object): string => `rewards=${JSON.stringify([entry])}`;
    const pod = workloads(renderFolder(folder, values(reward))).find(
      ({ object }) => object.metadata.name === 'gapo-reward-play',
    );
    const { REWARD_KIND, REWARD_TOY, REWARD_LARGEST_TOWER, OBJECTIVE } = environmentOf(pod?.pod.containers[0]);
    assert.deepEqual(
      [OBJECTIVE, REWARD_KIND, REWARD_TOY, REWARD_LARGEST_TOWER],
      ['play', 'toy', '/project/castle.yaml', '2500000'],
    );
    assert.throws(() => renderFolder(folder, values({ ...reward, model: 'm' })), /model/);
    assert.throws(
      () => renderFolder(folder, values({ name: 'play', kind: 'toy', toy: 'castle.yaml' })),
      /largestTower/,
    );
  },
);
