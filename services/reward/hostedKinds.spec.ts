import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { readRewardsFile, rewardKinds } from '@gapo/config';
import { connect } from '@gapo/rpc';
import { z } from '@gapo/service';
import { temporaryDirectory, startProcess } from '@gapo/service/testing';
import { constant, constantKind } from './constantKind.fixture.js';
import { hostedKind } from './hostedKind.js';
import { hostedKinds } from './hostedKinds.js';
import { help, settings } from './settings.js';

const deadlineMs = 20_000;

test('the service hosts every declared kind', () => {
  assert.deepEqual(
    Object.entries(hostedKinds).map(([name, { kind }]) => [name, kind]),
    Object.entries(rewardKinds),
  );
});

describe('another kind is a declaration, its code and one line in each registry', () => {
  test('rewards.yaml accepts it, and the service scores with it', async (t) => {
    const file = join(await temporaryDirectory(t), 'rewards.yaml');
    await writeFile(file, 'rewards: [{ name: flat, kind: constant, score: 0.25 }]');
    const [entry] = readRewardsFile(file, { ...rewardKinds, constant: constantKind });
    const child = startProcess(
      new URL('./constantService.fixture.js', import.meta.url),
      { env: { ...entry?.env, OBJECTIVE: 'flat', LISTEN: '127.0.0.1:0' } },
      t,
    );
    const client = connect('gapo.reward.v1.RewardService', await child.address());
    t.after(() => client.close());
    assert.equal((await client.Describe({}, { deadlineMs })).objective, 'flat');
    const items = ['a', 'b'].map((id) => ({ id, prompt: 'Hello?', completion: id }));
    const { results } = await client.Score({ items }, { deadlineMs });
    assert.deepEqual(
      results.map(({ id, score }) => [id, score]),
      [
        ['a', 0.25],
        ['b', 0.25],
      ],
    );
  });

  test('its settings are read, and --help describes them', () => {
    const kinds = { ...hostedKinds, constant };
    const { entries } = settings(kinds, { REWARD_KIND: 'constant', REWARD_SCORE: '0.5' });
    assert.deepEqual(entries, [{ score: 0.5, objective: undefined }]);
    assert.throws(
      () => settings(kinds, { REWARD_KIND: 'constant' }),
      /REWARD_SCORE: found nothing, expected a finite number, because REWARD_KIND is constant/,
    );
    assert.match(help(kinds), /^ {2}REWARD_SCORE +With REWARD_KIND=constant: the score\.$/m);
  });

  test('two kinds that declare one variable differently are refused', () => {
    const entry = { score: z.string().describe('another score') };
    const rival = hostedKind({ ...constantKind, entry }, () => Promise.reject(new Error('never opened')));
    assert.throws(() => help({ constant, rival }), /reward kinds constant and rival declare REWARD_SCORE/);
  });
});
