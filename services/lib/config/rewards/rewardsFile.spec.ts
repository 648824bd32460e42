import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { finiteNumber } from '@gapo/service';
import { temporaryDirectory } from '@gapo/service/testing';
import { fileWith, rewardKind, variableOf, type RewardKinds } from './rewardKind.js';
import { rewardKinds } from './rewardKinds.js';
import { readRewardsFile, rewardEnvironment } from './rewardsFile.js';
import { servedSource } from './servedSource.js';

const toy = rewardKind({
  summary: 'a toy',
  entry: { toy: fileWith('bricks').describe('its file'), largestTower: finiteNumber.optional().describe('a height') },
  settings: {},
});

describe('rewards.yaml', () => {
  test('its paths are relative to its directory', async (t) => {
    const dir = await temporaryDirectory(t);
    mkdirSync(join(dir, 'models/helpful'), { recursive: true });
    writeFileSync(join(dir, 'models/helpful/config.json'), '{}');
    for (const name of ['short.yaml', 'far.yaml']) writeFileSync(join(dir, name), 'x: 1');
    const file = join(dir, 'rewards.yaml');
    writeFileSync(
      file,
      'rewards:\n  - {name: helpful, kind: onnx, model: models/helpful, port: 50070}\n  - {name: short, kind: rules, rules: short.yaml}\n  - {name: far, kind: oip, oip: far.yaml}\n',
    );
    assert.deepEqual(readRewardsFile(file), [
      {
        name: 'helpful',
        kind: 'onnx',
        port: 50070,
        env: { REWARD_KIND: 'onnx', REWARD_MODEL: join(dir, 'models/helpful') },
      },
      {
        name: 'short',
        kind: 'rules',
        port: undefined,
        env: { REWARD_KIND: 'rules', REWARD_RULES: join(dir, 'short.yaml') },
      },
      { name: 'far', kind: 'oip', port: undefined, env: { REWARD_KIND: 'oip', REWARD_OIP: join(dir, 'far.yaml') } },
    ]);
  });

  test('a service gets the form of text that it scores', async (t) => {
    const dir = await temporaryDirectory(t);
    writeFileSync(join(dir, 'short.yaml'), 'rules: []');
    const file = join(dir, 'rewards.yaml');
    writeFileSync(file, 'rewards: [{ name: short, kind: rules, rules: short.yaml, text: raw }]');
    const env = { REWARD_KIND: 'rules', REWARD_RULES: join(dir, 'short.yaml'), REWARD_TEXT: 'raw' };
    assert.deepEqual(readRewardsFile(file), [{ name: 'short', kind: 'rules', port: undefined, env }]);
    writeFileSync(file, 'rewards: [{ name: short, kind: rules, rules: short.yaml, text: tidy }]');
    assert.throws(() => readRewardsFile(file), /rewards\[0\]\.text: found string "tidy", expected one of clean, raw/);
  });

  test('an error names the place of the mistake', async (t) => {
    const dir = await temporaryDirectory(t);
    const file = join(dir, 'rewards.yaml');
    const failsWith = (text: string, pattern: RegExp): void => {
      writeFileSync(file, text);
      assert.throws(() => readRewardsFile(file), pattern);
    };
    assert.throws(() => readRewardsFile(join(dir, 'none.yaml')), /none.yaml does not exist; .* --rewards/);
    failsWith('rewards:\n  - {name: a, kind: onnx, modle: x}\n', /rewards.yaml:2:\d+ rewards\[0\]/);
    failsWith('rewards:\n  - {name: a, kind: rules, rules: x.yaml}\n', /rewards\[0\].rules: .*x.yaml does not exist/);
    failsWith('rewards:\n  - {name: a, kind: onnx, model: x}\n', /rewards\[0\].model: .* contains no config.json/);
    failsWith('rewards: []\n', /rewards: found an empty list, expected .*\{ name, kind: oip, oip \}/);
    failsWith('rewards:\n  - {name: a, kind: onyx, model: x}\n', /one of onnx, rules, http, .*did you mean "onnx"/);
    writeFileSync(join(dir, 'r.yaml'), 'rules: []');
    const twice = '  - {name: a, kind: rules, rules: r.yaml}\n'.repeat(2);
    failsWith(`rewards:\n${twice}`, /rewards\[1\].name: found "a" a second time/);
  });

  test('another kind is one more entry of the registry', async (t) => {
    const dir = await temporaryDirectory(t);
    writeFileSync(join(dir, 'castle.yaml'), 'bricks: 9');
    const file = join(dir, 'rewards.yaml');
    writeFileSync(file, 'rewards: [{ name: play, kind: toy, toy: castle.yaml, largestTower: 2.5 }]');
    const kinds = { ...rewardKinds, toy };
    const env = { REWARD_KIND: 'toy', REWARD_TOY: join(dir, 'castle.yaml'), REWARD_LARGEST_TOWER: '2.5' };
    assert.deepEqual(readRewardsFile(file, kinds), [{ name: 'play', kind: 'toy', port: undefined, env }]);
    const { kind, key } = servedSource(join(dir, 'castle.yaml'), kinds);
    assert.deepEqual([kind, key], ['toy', 'toy']);
    assert.throws(() => readRewardsFile(file), /kind: found string "toy", expected one of onnx/);
    assert.throws(
      () => servedSource(join(dir, 'castle.yaml')),
      /castle.yaml is not a source of rewards; give a directory/,
    );
  });
});

test('several entries are a list in each variable', () => {
  assert.deepEqual(rewardEnvironment('onnx', [{ model: '/a' }, { model: '/b' }]), {
    REWARD_KIND: 'onnx',
    REWARD_MODEL: '/a,/b',
  });
});

test('every declared kind has a summary, and describes each key and setting', () => {
  const kinds: RewardKinds = rewardKinds;
  for (const [name, { summary, entry, settings }] of Object.entries(kinds)) {
    assert.notEqual(summary, '', name);
    for (const [key, schema] of Object.entries({ ...entry, ...settings })) {
      assert.ok(schema.description, `${name}: ${variableOf(key)} has no description`);
    }
  }
});
