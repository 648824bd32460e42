import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultRewardAllow, isAllowed, isAllowPattern } from './rewardAllow.js';

test('an address matches a host, the names below it or any, and a port or any', () => {
  const patterns = ['rewards.example.org:50061', '*.rewards.svc:*', '*:7000', '[2001:db8::1]:50061'];
  const good = [
    'rewards.example.org:50061',
    'dns:///Rewards.Example.org:50061',
    'dns:rewards.example.org:50061',
    'a.rewards.svc:1',
    'a.b.rewards.svc:65535',
    '10.0.0.7:7000',
    'ipv4:10.0.0.7:7000',
    '[2001:DB8::1]:50061',
  ];
  const bad = [
    'rewards.example.org:50062',
    'rewards.example.org.attacker.net:50061',
    'xrewards.svc:1',
    'rewards.svc:1',
    '.rewards.svc:1',
    'dns://203.0.113.9/rewards.example.org:50061',
    'dns://203.0.113.9/a:7000',
    'unix:/run/docker.sock',
    'unix:///run/x.sock:7000',
    '[2001:db8::2]:50061',
  ];
  for (const target of good) assert.ok(isAllowed(target, patterns), target);
  for (const target of bad) assert.ok(!isAllowed(target, patterns), target);
  assert.ok(isAllowed('unix:/run/reward.sock', ['unix:/run/reward.sock']), 'a socket only by its own path');
});

test('only a coordinator that this machine alone reaches calls this machine by default', () => {
  for (const target of ['127.0.0.1:1', 'localhost:1', '[::1]:1', 'dns:///localhost:1']) {
    assert.ok(isAllowed(target, defaultRewardAllow(true)), target);
    assert.ok(!isAllowed(target, defaultRewardAllow(false)), target);
  }
  for (const target of ['169.254.169.254:80', '0.0.0.0:1', '2130706433:1', '127.1:1', '10.0.0.1:22', 'unix:/run/x']) {
    assert.ok(!isAllowed(target, defaultRewardAllow(true)), target);
  }
});

test('patterns have a host and a port', () => {
  for (const good of ['a:1', '*:*', '*.a.b:1', '[::1]:*', '10.0.0.1:50061', 'unix:/x'])
    assert.ok(isAllowPattern(good), good);
  for (const bad of ['a', '', '*', 'a:', 'a*b:1', 'http://a:1', 'a:1:2', 'unix:', 'dns:///a:1']) {
    assert.ok(!isAllowPattern(bad), bad);
  }
});
