import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRewardEntry, RewardAddresses } from './rewardAddresses.js';

test('a listed name has its address; other names follow the rule, if there is one', () => {
  const addresses = new RewardAddresses(['helpful=127.0.0.1:50061', '*=dns:///gapo-reward-*-headless:50061']);
  assert.deepEqual([...addresses], ['helpful']);
  assert.equal(addresses.of('helpful'), '127.0.0.1:50061');
  assert.equal(addresses.of('concise'), 'dns:///gapo-reward-concise-headless:50061');
  assert.ok(!addresses.has('127.0.0.1:50099'), 'an address is not a name');
  assert.ok(!addresses.has(''));
  assert.equal(new RewardAddresses(['helpful=127.0.0.1:50061']).of('concise'), undefined);
});

test('an entry is a name and a target; the rule’s target has a placeholder for the name', () => {
  const good = ['helpful=127.0.0.1:50061', 'kind=dns:///kind:50061', '*=reward-*:50061', '*=dns:///*.rewards:50061'];
  const bad = [
    'helpful',
    '=127.0.0.1:1',
    'a b=127.0.0.1:1',
    'helpful=here',
    'a=b=127.0.0.1:1',
    '*=127.0.0.1:1',
    '*=*',
    'x=reward-*:1',
  ];
  for (const entry of good) assert.ok(isRewardEntry(entry), entry);
  for (const entry of bad) assert.ok(!isRewardEntry(entry), entry);
});
