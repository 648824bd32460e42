// Names of many workers: who comes, who goes, and a resolver that fails for a while.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { followName, namedHost } from './addresses.js';

test('only a dns target is a name of many', () => {
  assert.deepEqual(namedHost('dns:///rollout.gapo:50051'), { host: 'rollout.gapo', port: '50051' });
  assert.deepEqual(namedHost('dns:rollout:1'), { host: 'rollout', port: '1' });
  assert.equal(namedHost('rollout:50051'), undefined);
});

test('changes are told once each, failures leave what was known', async () => {
  const closing = new AbortController();
  const answers = [['10.0.0.2', '10.0.0.1'], ['10.0.0.1', '10.0.0.2'], new Error('EAI_AGAIN'), ['::1', '10.0.0.3']];
  const told: string[] = [];
  const lookUp = async (): Promise<string[]> => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer ?? [];
  };
  const observer = {
    changed: (targets: readonly string[]) => {
      told.push(targets.join(' '));
      if (answers.length === 0) closing.abort();
    },
    failed: (reason: string) => void told.push(reason),
  };
  await followName({ host: 'rollout', port: '7' }, observer, closing.signal, lookUp, 1);
  assert.deepEqual(told, ['10.0.0.1:7 10.0.0.2:7', 'rollout cannot be looked up: EAI_AGAIN', '10.0.0.3:7 [::1]:7']);
});
