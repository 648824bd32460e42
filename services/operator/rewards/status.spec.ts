/** The status of a RewardService, and how it resolves for runs that name it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FoundObject } from '../kubernetes/ownedObjects.js';
import type { RewardService } from '../resource/rewardService.js';
import { RewardRegistry } from './registry.js';
import { rewardOf } from './rewards.fixture.js';
import { rewardStatusOf, type RewardObserved } from './status.js';

const now = new Date('2026-03-01T10:00:00.500Z');
const rules = { path: 'rules.yaml' };

const deploymentOf = (status: FoundObject['status'], replicas = 2): FoundObject => ({
  metadata: { name: 'gapo-reward-concise', uid: 'd', generation: 4 },
  spec: { replicas },
  status,
});

const observedOf = (changes: Partial<RewardObserved>): RewardObserved => ({
  address: 'dns:///concise:50061',
  deployment: undefined,
  problem: undefined,
  selector: 'app=concise',
  ...changes,
});

function conditionsOf(resource: RewardService, changes: Partial<RewardObserved>): string[] {
  const { conditions = [] } = rewardStatusOf(resource, observedOf(changes), now);
  return conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`);
}

const complete = { observedGeneration: 4, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 };

describe('the status of a RewardService', () => {
  const cases: [what: string, resource: RewardService, changes: Partial<RewardObserved>, expected: string[]][] = [
    ['every pod is up', rewardOf({ rules }), { deployment: deploymentOf(complete) }, ['Available True PodsAvailable', 'Ready True Deployed']],
    ['no pod yet', rewardOf({ rules }), { deployment: deploymentOf({ observedGeneration: 4 }) }, ['Available False NoPodAvailable', 'Ready False Progressing']],
    ['new pods replace old ones', rewardOf({ rules }), { deployment: deploymentOf({ ...complete, replicas: 3, updatedReplicas: 1 }) }, ['Available True PodsAvailable', 'Ready False Progressing']],
    ['a change that the Deployment has not seen', rewardOf({ rules }), { deployment: deploymentOf({ ...complete, observedGeneration: 3 }) }, ['Available True PodsAvailable', 'Ready False Progressing']],
    ['scaled to zero', rewardOf({ rules, replicas: 0 }), { deployment: deploymentOf({ observedGeneration: 4 }, 0) }, ['Available False ScaledToZero', 'Ready True Deployed']],
    ['pods are refused', rewardOf({ rules }), { deployment: deploymentOf({ conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'quota' }] }) }, ['Available False FailedCreate', 'Ready False FailedCreate']],
    ['refused while old pods serve', rewardOf({ rules }), { problem: { reason: 'NotApplied', message: '422' }, deployment: deploymentOf(complete) }, ['Available True PodsAvailable', 'Ready False NotApplied']],
    ['an endpoint', rewardOf({ endpoint: { address: 'a:1' } }), {}, ['Available True Endpoint', 'Ready True Endpoint']],
  ]; // prettier-ignore
  for (const [what, resource, changes, expected] of cases)
    test(what, () => assert.deepEqual(conditionsOf(resource, changes), expected));

  test('columns, and when a condition changed', () => {
    const first = rewardStatusOf(rewardOf({ rules }), observedOf({ deployment: deploymentOf({ ...complete, readyReplicas: 1 }) }), now); // prettier-ignore
    assert.deepEqual([first.kind, first.pods, first.address, first.observedGeneration], ['Rules', '1/2', 'dns:///concise:50061', 2]); // prettier-ignore
    assert.equal(first.selector, 'app=concise');
    const later = new Date('2026-03-01T11:00:00Z');
    const { conditions = [] } = rewardStatusOf(
      rewardOf({ rules }, first),
      observedOf({ deployment: deploymentOf({}) }),
      later,
    );
    assert.deepEqual(conditions.map(({ lastTransitionTime }) => lastTransitionTime), ['2026-03-01T11:00:00Z', '2026-03-01T11:00:00Z']); // prettier-ignore
    const { conditions: same = [] } = rewardStatusOf(
      rewardOf({ rules }, first),
      observedOf({ deployment: deploymentOf(complete) }),
      later,
    );
    assert.equal(same[0]?.lastTransitionTime, '2026-03-01T10:00:00Z');
    assert.equal(rewardStatusOf(rewardOf({ endpoint: { address: 'a:1' } }), observedOf({}), now).pods, undefined);
  });
});

test('a run gets an address, or why there is none', () => {
  const registry = new RewardRegistry('team');
  let changes = 0;
  const end = registry.onChange(() => (changes += 1));
  const reasonOf = (name: string): string => {
    const found = registry.resolve(name);
    return 'reason' in found ? found.reason : found.address;
  };
  assert.equal(reasonOf('concise'), 'RewardServicesUnknown');
  registry.listed();
  assert.equal(reasonOf('concise'), 'RewardServiceNotFound');
  registry.set(rewardOf({ rules }));
  assert.equal(reasonOf('concise'), 'RewardServiceNotReady');
  const available = rewardOf({ rules }, rewardStatusOf(rewardOf({ rules }), observedOf({ deployment: deploymentOf(complete) }), now)); // prettier-ignore
  registry.set(available);
  registry.set(available);
  assert.equal(reasonOf('concise'), 'dns:///concise:50061');
  assert.equal(changes, 3);
  registry.delete({ ...available, metadata: { ...available.metadata, uid: 'another of the name' } });
  assert.equal(reasonOf('concise'), 'dns:///concise:50061');
  end();
  registry.delete(available);
  const gone = registry.resolve('concise');
  assert.match('message' in gone ? gone.message : '', /no RewardService concise in namespace team/);
  assert.equal(changes, 3);
});
