/** Checks that no token is sent to servers that it is not for. */
import { readFileSync } from 'node:fs';
import { parseYaml, z, UserError } from '@gapo/service';
import { pathTarget, variableOf, type RewardKinds } from './rewardKind.js';
import { rewardKinds } from './rewardKinds.js';
import type { RewardEntry } from './rewardsFile.js';
import { tokenKeys } from './token.js';

/**
 * Refuses REWARD_TOKEN in the environment that several services share, unless every one that would send it names a token of
 * its own: it would reach every server.
 *
 * @throws UserError that names the entries without a token
 */
export function requireOwnTokens(
  entries: readonly RewardEntry[],
  env: NodeJS.ProcessEnv,
  kinds: RewardKinds = rewardKinds,
): void {
  if ((env['REWARD_TOKEN'] ?? '').trim() === '') return;
  const without = entries.filter((entry) => sendsToken(entry, kinds) && !namesToken(entry, kinds));
  if (without.length === 0) return;
  const names = without.map(({ name }) => name).join(', ');
  throw new UserError(
    `REWARD_TOKEN is set, and would be sent to the servers of every reward without a token of its own: ${names}. ` +
      'Put each token into a variable or file of its own, name it with tokenEnv or tokenFile at its reward in rewards.yaml, and unset REWARD_TOKEN',
  );
}

function sendsToken({ kind }: RewardEntry, kinds: RewardKinds): boolean {
  return Object.hasOwn(kinds[kind]?.settings ?? {}, 'REWARD_TOKEN');
}

/** Whether an entry names a token, in rewards.yaml or in its own file. */
function namesToken({ kind, env }: RewardEntry, kinds: RewardKinds): boolean {
  const keys = Object.keys(tokenKeys);
  if (keys.some((key) => env[variableOf(key)] !== undefined)) return true;
  return Object.entries(kinds[kind]?.entry ?? {}).some(([key, schema]) => {
    const path = env[variableOf(key)];
    const target = pathTarget(schema);
    if (path === undefined || target === undefined || !('fileWith' in target)) return false;
    const content = parseYaml(z.looseObject({}), readFileSync(path, 'utf8'), { source: path });
    return keys.some((name) => Object.hasOwn(content, name));
  });
}
