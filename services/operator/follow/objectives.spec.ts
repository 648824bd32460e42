/** Objectives of a spec: RewardServices are replaced by addresses, and when the run gets them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectiveConfig } from '@gapo/config';
import { objectiveInput } from '@gapo/rpc';
import { conditionOf, type RunObjective, type Status } from '../resource/trainingRun.js';
import type { Resolved } from '../rewards/registry.js';
import { configYamlOf } from './identity.js';
import { resolved } from './objectives.js';
import { observedOf, resourceOf, runOf } from './runs.fixture.js';
import { nextAction, statusOf } from './status.js';

const now = new Date('2026-03-01T10:00:00Z');
const named = (name: string, rewardService?: string): RunObjective => ({
  name,
  onFailure: 'pause',
  timeoutSeconds: 30,
  ...(rewardService && { rewardService }),
});
const services: Readonly<Record<string, Resolved>> = {
  kindness: { address: 'dns:///kindness:50061' },
  brevity: {
    reason: 'RewardServiceNotReady',
    message: 'RewardService brevity is not available: of 1 pod 0 are available',
  },
};
const registry = {
  resolve: (name: string): Resolved =>
    services[name] ?? { reason: 'RewardServiceNotFound', message: `there is no RewardService ${name}` },
};
const wantedOf = (objectives: readonly RunObjective[]) => {
  const found = resolved(objectives, registry);
  return 'wanted' in found ? found.wanted : assert.fail(found.problem.message);
};

test('a name becomes an address; every service that cannot be called is named', () => {
  const { list, sha256 } = wantedOf([named('kind', 'kindness'), named('brief')]);
  assert.deepEqual(list, [{ ...named('kind'), service: 'dns:///kindness:50061' }, named('brief')]);
  assert.notEqual(sha256, wantedOf([named('kind'), named('brief')]).sha256);
  const failed = resolved([named('a', 'nowhere'), named('b', 'brevity')], registry);
  assert.deepEqual('problem' in failed && [failed.problem.reason, failed.problem.message], [
    'RewardServiceNotFound',
    'there is no RewardService nowhere; RewardService brevity is not available: of 1 pod 0 are available',
  ]);
  const off = resolved([named('a', 'kindness')], undefined);
  assert.match('problem' in off ? off.problem.message : '', /operator\.rewardServices/);
});

test('a call has every key that an objective of a configuration has', () => {
  const limits = { onFailure: 'drop', timeoutSeconds: 2, hedgeAfterSeconds: 1 } as const;
  const full = { name: 'kind', service: 'a:1', ...limits, noise: 3, threshold: 0.5, scale: 10, text: 'raw' } as const;
  assert.deepEqual(Object.keys(full).sort(), Object.keys(objectiveConfig.shape).sort());
  const { name, service, text: _text, onFailure: _policy, ...numbers } = full;
  assert.deepEqual(objectiveInput(full), {
    name,
    service,
    ...numbers,
    onFailure: 'FAILURE_POLICY_DROP',
    textForm: 'TEXT_FORM_RAW',
  });
});

test('a call and a configuration have them without the reference', () => {
  assert.deepEqual(objectiveInput({ ...named('kind'), service: 'a:1', text: 'raw', onFailure: 'drop' }), {
    name: 'kind',
    service: 'a:1',
    onFailure: 'FAILURE_POLICY_DROP',
    timeoutSeconds: 30,
    textForm: 'TEXT_FORM_RAW',
  });
  const objectives = [named('kind', 'kindness')];
  const resource = resourceOf({ config: { name: 'chat', steps: 3, combine: { method: 'pgapo' } }, objectives, preference: { kind: 2 } }); // prettier-ignore
  assert.deepEqual(JSON.parse(configYamlOf(resource, wantedOf(objectives).list)), {
    name: 'chat',
    steps: 3,
    objectives: [{ ...named('kind'), service: 'dns:///kindness:50061' }],
    combine: { method: 'pgapo', preference: { kind: 2 } },
  });
});

test('a run is created, and takes in other objectives, when their services are available', () => {
  const objectives = [named('kind', 'kindness'), named('brief')];
  const wanted = wantedOf(objectives);
  const [run, had] = [runOf(), { runId: 'team-chat-1', objectivesSha256: wanted.sha256 } satisfies Status];
  const more = [...objectives, named('third', 'brevity')];
  const rewardProblem = { reason: 'RewardServiceNotReady', message: 'brevity' };
  const cases: [what: string, ...Parameters<typeof nextAction>, expected: ReturnType<typeof nextAction>][] = [
    ['no service', resourceOf({ objectives }), observedOf({ rewardProblem }), undefined],
    ['services', resourceOf({ objectives }), observedOf({ wanted }), 'create'],
    ['the same', resourceOf({ objectives }, had), observedOf({ run, wanted }), undefined],
    ['one more', resourceOf({ objectives: more }, had), observedOf({ run, wanted: { list: more, sha256: 'm' } }), 'change'],
    ['one more, not ready', resourceOf({ objectives: more, preference: { kind: 1, brief: 1, third: 1 } }, had), observedOf({ run, rewardProblem }), undefined],
    ['one away later', resourceOf({ objectives, preference: { kind: 9, brief: 1 } }, had), observedOf({ run, rewardProblem }), 'prefer'],
    ['another address', resourceOf({ objectives }, had), observedOf({ run, wanted: { ...wanted, sha256: 'n' } }), 'change'],
    ['another address, given', resourceOf({ objectives }, had), observedOf({ run, wanted: { ...wanted, sha256: 'n' }, appliedObjectives: 'n' }), undefined],
    ['removed by hand', resourceOf({ objectives }, had), observedOf({ run: runOf({ objectives: ['kind'] }), wanted }), 'change'],
    ['after the end', resourceOf({ objectives: more }, had), observedOf({ run: runOf({ state: 'RUN_STATE_SUCCEEDED' }), wanted }), undefined],
  ]; // prettier-ignore
  for (const [what, resource, observed, expected] of cases)
    assert.equal(nextAction(resource, observed), expected, what);
});

test('conditions say what a run waits for', () => {
  const objectives = [named('kind', 'kindness'), named('brief', 'brevity')];
  const resource = resourceOf({ objectives });
  const waiting = statusOf(resource, observedOf({ rewardProblem: { reason: 'RewardServiceNotReady', message: 'brevity' } }), now); // prettier-ignore
  assert.deepEqual([waiting.phase, waiting.message], ['Pending', 'brevity']);
  assert.deepEqual([conditionOf(waiting, 'RewardServicesReady')?.reason, conditionOf(waiting, 'ObjectivesApplied')], ['RewardServiceNotReady', undefined]); // prettier-ignore

  const wanted = { list: [], sha256: 'w' };
  const created = statusOf(resourceOf({ objectives }, waiting), observedOf({ run: runOf(), wanted }), now);
  assert.equal(created.objectivesSha256, 'w');
  assert.equal(conditionOf(created, 'RewardServicesReady')?.status, 'True');
  assert.equal(conditionOf(created, 'ObjectivesApplied')?.status, 'True');

  const refused = observedOf({ run: runOf({ objectives: ['kind'] }), wanted, objectivesProblem: { reason: 'InvalidArgument', message: 'no' } }); // prettier-ignore
  assert.equal(conditionOf(statusOf(resourceOf({ objectives }, created), refused, now), 'ObjectivesApplied')?.reason, 'InvalidArgument'); // prettier-ignore
  const unread = observedOf({ run: runOf(), rewardProblem: { reason: 'RewardServicesUnknown', message: '' } });
  const kept = statusOf(resourceOf({ objectives }, created), unread, now);
  assert.deepEqual(kept.conditions, created.conditions);
  const without = statusOf(resourceOf({}, created), observedOf({ run: runOf() }), now);
  assert.deepEqual([without.objectivesSha256, conditionOf(without, 'RewardServicesReady'), conditionOf(without, 'ObjectivesApplied')], [undefined, undefined, undefined]); // prettier-ignore
});
