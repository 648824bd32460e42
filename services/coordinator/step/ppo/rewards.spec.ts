/** What training makes of scores: noise, threshold and scale. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRunConfig } from '@gapo/config';
import { at, mean, standardDeviation } from '@gapo/numeric';
import { runYaml, startAll, train } from '../../fixtures/world.fixture.js';
import { rewardsOf } from './rewards.js';

const samples = Array.from({ length: 400 }, (_, i) => ({ prompt: Math.floor(i / 4), sample: i % 4 }));
const scores = samples.map((_, i) => (i === 3 ? undefined : i / 100));

function rewards(keys: string, step = 1, objectives = [`{ name: letters${keys} }`, 'short']): (number | undefined)[] {
  const config = parseRunConfig(runYaml({ objectives }), 'run.yaml', undefined);
  const found = rewardsOf(config, step, samples, [{ values: scores }, { values: scores }]);
  assert.deepEqual(at(found, 1), scores, 'the other objective gets its scores');
  return [...at(found, 0)];
}

test('a reward is the scaled score, or the scaled verdict of a threshold; a missing score stays missing', () => {
  assert.deepEqual(rewards(''), scores);
  assert.deepEqual(
    rewards(', scale: 3'),
    scores.map((score) => score && 3 * score),
  );
  const sparse = rewards(', threshold: 2, scale: 5');
  assert.deepEqual(
    sparse,
    scores.map((score) => score && (score >= 2 ? 5 : 0)),
  );
  assert.deepEqual([sparse[3], sparse[199], sparse[200]], [undefined, 0, 5]);
});

test('noise has its deviation, differs by step and completion, and does not depend on the order of objectives', () => {
  const noise = (keys: string, step = 1): number[] =>
    rewards(keys, step).flatMap((reward, i) => (reward === undefined ? [] : [reward - Number(scores[i])]));
  const drawn = noise(', noise: 2');
  assert.equal(drawn.length, samples.length - 1);
  assert.ok(Math.abs(mean(drawn)) < 0.4 && Math.abs(standardDeviation(drawn) - 2) < 0.3);
  assert.deepEqual(noise(', noise: 2'), drawn);
  assert.notDeepEqual(noise(', noise: 2', 2), drawn);
  const config = parseRunConfig(
    runYaml({ objectives: ['short', '{ name: letters, noise: 2 }'] }),
    'run.yaml',
    undefined,
  );
  const [, moved] = rewardsOf(config, 1, samples, [{ values: scores }, { values: scores }]);
  assert.deepEqual(moved, rewards(', noise: 2'));
  const verdicts = new Set(rewards(', noise: 2, threshold: 2'));
  assert.deepEqual(verdicts, new Set([0, 1, undefined]), 'a threshold decides about the noisy score');
});

test('a run with noise trains another policy, the same at each attempt, and reports the scores', async (t) => {
  const { world, coordinator } = await startAll(t);
  const trained = async (id: string, letters: string) => {
    const objectives = [letters, 'short'];
    const { reports } = await train(coordinator, world, runYaml({ steps: 2, objectives }), id);
    return reports.map(({ updateNorm, objectives: of }) => ({ updateNorm, score: at(of, 0).rewardMean }));
  };
  const plain = await trained('plain', 'letters');
  const noisy = await trained('noisy', '{ name: letters, noise: 1 }');
  assert.equal(at(noisy, 0).score, at(plain, 0).score);
  assert.notEqual(at(noisy, 0).updateNorm, at(plain, 0).updateNorm);
  assert.deepEqual(await trained('again', '{ name: letters, noise: 1 }'), noisy);
});
