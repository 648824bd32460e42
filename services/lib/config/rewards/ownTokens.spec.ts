import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { temporaryDirectory } from '@gapo/service/testing';
import { requireOwnTokens } from './ownTokens.js';
import { readRewardsFile, type RewardEntry } from './rewardsFile.js';

/** Services of two vendors and one of rules; `keys` are of the entry of b, `fileKeys` of its file. */
async function entriesWith(t: TestContext, keys: string, fileKeys = ''): Promise<RewardEntry[]> {
  const directory = await temporaryDirectory(t);
  const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);
  write('a.yaml', 'protocol: openrlhf\ntokenEnv: TOKEN_A\n');
  write('b.yaml', `target: b:1\n${fileKeys}`);
  write('c.yaml', 'rules: []');
  write('token', 'secret');
  write(
    'rewards.yaml',
    `rewards: [{ name: a, kind: http, http: a.yaml }, { name: b, kind: oip, oip: b.yaml${keys} }, { name: c, kind: rules, rules: c.yaml }]`,
  );
  return readRewardsFile(join(directory, 'rewards.yaml'));
}

const shared = { REWARD_TOKEN: 'secret' };

test('REWARD_TOKEN is not shared: the error names every service that would send it', async (t) => {
  const entries = await entriesWith(t, '');
  assert.throws(
    () => requireOwnTokens(entries, shared),
    (error) => {
      assert.match(
        (error as Error).message,
        /^REWARD_TOKEN is set, and would be sent .* without a token of its own: b\. Put each/,
      );
      assert.doesNotMatch((error as Error).message, /secret/);
      return true;
    },
  );
  for (const env of [{}, { REWARD_TOKEN: ' ' }]) requireOwnTokens(entries, env);
});

test('services with their own tokens may start beside it', async (t) => {
  for (const keys of [', tokenEnv: TOKEN_B', ', tokenFile: token'])
    requireOwnTokens(await entriesWith(t, keys), shared);
  for (const keys of ['tokenEnv: TOKEN_B', 'tokenFile: token'])
    requireOwnTokens(await entriesWith(t, '', keys), shared);
});

test('an entry names its token by variables of its service', async (t) => {
  const [, byName] = await entriesWith(t, ', tokenEnv: TOKEN_B');
  assert.equal(byName?.env['REWARD_TOKEN_ENV'], 'TOKEN_B');
  const [, byFile] = await entriesWith(t, ', tokenFile: token');
  assert.match(byFile?.env['REWARD_TOKEN_FILE'] ?? '', /^\/.*\/token$/);
  await assert.rejects(entriesWith(t, ', tokenFile: none'), /rewards\[1\]\.tokenFile: .*none does not exist/);
  await assert.rejects(
    entriesWith(t, ", tokenEnv: 'TOKEN-B'"),
    /rewards\[1\]\.tokenEnv: .*expected an environment variable's name/,
  );
});
