// Discovery by DNS: added and removed workers, and a resolver that fails temporarily.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { followName, namedHost } from './addresses.js';

test('only a dns target is a name to resolve', () => {
  assert.deepEqual(namedHost('dns:///rollout.gapo:50051'), { host: 'rollout.gapo', port: '50051' });
  assert.deepEqual(namedHost('dns:rollout:1'), { host: 'rollout', port: '1' });
  assert.equal(namedHost('rollout:50051'), undefined);
});

test('each change is reported once, and a failed lookup keeps the known targets', async () => {
  const closing = new AbortController();
  const answers = [['10.0.0.2', '10.0.0.1'], ['10.0.0.1', '10.0.0.2'], new Error('EAI_AGAIN'), ['::1', '10.0.0.3']];
  const reported: string[] = [];
  const lookUp = async (): Promise<string[]> => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer ?? [];
  };
  const observer = {
    changed: (targets: readonly string[]) => {
      reported.push(targets.join(' '));
      if (answers.length === 0) closing.abort();
    },
    failed: (reason: string) => void reported.push(reason),
  };
  await followName({ host: 'rollout', port: '7' }, observer, closing.signal, lookUp, 1);
  assert.deepEqual(reported, ['10.0.0.1:7 10.0.0.2:7', 'cannot resolve rollout: EAI_AGAIN', '10.0.0.3:7 [::1]:7']);
});
