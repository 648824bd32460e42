/** `gapo front` with the real services: runs are trained once, reused, averaged, and shown again by `gapo pareto`. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gapo, temporaryFolder, writeTinyProject } from './cli.fixture.js';

interface Result {
  policies: { run: string; group: string; label: string; nonDominated: boolean; ingredients: object | null }[];
  hypervolume: Record<string, number>;
  files: { front: string; plot: string };
}

test('front trains each preference once, averages the single-objective policies, and pareto shows it again', async (t) => {
  const folder = temporaryFolder(t);
  const { config, rewards } = await writeTinyProject(folder, 2);
  const data = join(folder, 'data');
  const args = [
    'front',
    config,
    '--rewards',
    rewards,
    '--data',
    data,
    '--port-base',
    '0',
    '--http-port',
    '0',
    '--json',
  ];
  const first = await gapo(t, [...args, '--preferences', '2']);
  assert.equal(first.code, 0, first.stderr);
  const before = JSON.parse(first.stdout) as Result;
  assert.deepEqual(
    before.policies.map(({ group, label }) => `${group} ${label}`),
    ['P-GAPO 0.25/0.75', 'P-GAPO 0.75/0.25'],
  );
  const second = await gapo(t, [...args, '--preferences', '2', '--soup']);
  assert.equal(second.code, 0, second.stderr);
  assert.match(second.stderr, /policy 2 of 4 \(short 0.75, vowels 0.25\): run tiny-75-25-\S+ is already complete/);
  const { policies, hypervolume, files } = JSON.parse(second.stdout) as Result;
  assert.deepEqual(
    policies.slice(0, 2).map(({ run }) => run),
    before.policies.map(({ run }) => run),
  );
  assert.deepEqual(
    policies.slice(2).map(({ group, label }) => `${group} ${label}`),
    ['one objective short alone', 'one objective vowels alone', 'Rewarded Soups 0.25/0.75', 'Rewarded Soups 0.75/0.25'],
  );
  assert.deepEqual(Object.values(policies[4]?.ingredients ?? {}).sort(), [0.25, 0.75]);
  assert.ok(policies.some(({ nonDominated }) => nonDominated));
  assert.deepEqual(Object.keys(hypervolume), ['P-GAPO', 'one objective', 'Rewarded Soups']);
  assert.ok(existsSync(files.front));
  const plot = readFileSync(files.plot, 'utf8');
  const again = await gapo(t, ['pareto', '--data', data]);
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, /Hypervolume: P-GAPO .*Reference point: short /);
  assert.equal(readFileSync(files.plot, 'utf8'), plot);
});
