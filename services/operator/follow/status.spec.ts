/** What to do about a run, and what its status and events say. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { StepReport } from '@gapo/rpc';
import { conditionOf, type Condition, type Status } from '../resource/trainingRun.js';
import { authorOf, configYamlOf, runIdOf } from './identity.js';
import { observedOf, resourceOf, runOf } from './runs.fixture.js';
import { durationText, nextAction, statusOf, type Observed } from './status.js';
import { eventsBetween } from './transitions.js';

const now = new Date('2026-03-01T10:00:00.500Z');
const at = '2026-03-01T10:00:00Z';
const earlier = '2026-02-01T00:00:00Z';
const suspended = (value: 'True' | 'False'): Status => ({
  runId: 'team-chat-1',
  conditions: [{ type: 'Suspended', status: value, lastTransitionTime: earlier, reason: 'Paused', message: '' }],
});
const paused = runOf({ state: 'RUN_STATE_PAUSED' });
const recovery = { waitingFor: 'the coordinator', problem: '', nextCheck: null, attempts: 0, maxAttempts: 5 };

describe('the next action', () => {
  const actions: [what: string, Parameters<typeof nextAction>[0], Observed, ReturnType<typeof nextAction>][] = [
    ['a new resource', resourceOf(), observedOf(), 'create'],
    ['a new one that is suspended', resourceOf({ suspend: true }), observedOf(), undefined],
    ['a run that the coordinator lost', resourceOf({}, { runId: 'team-chat-1' }), observedOf(), undefined],
    ['a run as the spec has it', resourceOf(), observedOf({ run: runOf() }), undefined],
    ['suspension that no status has yet', resourceOf({ suspend: true }), observedOf({ run: runOf() }), undefined],
    ['suspension', resourceOf({ suspend: true }, suspended('True')), observedOf({ run: runOf() }), 'pause'],
    ['its pause under way', resourceOf({ suspend: true }, suspended('True')), observedOf({ run: runOf(), pauseRequested: true }), undefined], // prettier-ignore
    ['a paused run', resourceOf({ suspend: true }, suspended('True')), observedOf({ run: paused }), undefined],
    ['a pause that the coordinator would end', resourceOf({ suspend: true }, suspended('True')), observedOf({ run: { ...paused, recovery } }), 'pause'], // prettier-ignore
    ['the end of a suspension', resourceOf({}, suspended('True')), observedOf({ run: paused }), 'resume'],
    ['the same, before the pause has come', resourceOf({}, suspended('True')), observedOf({ run: runOf() }), 'resume'],
    ['a resumed run', resourceOf({}, suspended('True')), observedOf({ run: runOf(), resumed: true }), undefined],
    ['a run that a person paused', resourceOf({}, suspended('False')), observedOf({ run: paused }), undefined],
    ['a failed run that is released', resourceOf({}, suspended('True')), observedOf({ run: runOf({ state: 'RUN_STATE_FAILED' }) }), 'resume'], // prettier-ignore
    ['another preference', resourceOf({ preference: { kind: 2, brief: 1 } }), observedOf({ run: runOf() }), 'prefer'],
    ['the same preference', resourceOf({ preference: { brief: 1, kind: 1 } }), observedOf({ run: runOf() }), undefined],
    ['a preference after the end', resourceOf({ preference: { kind: 2, brief: 1 } }), observedOf({ run: runOf({ state: 'RUN_STATE_SUCCEEDED' }) }), undefined], // prettier-ignore
  ];
  for (const [what, resource, observed, expected] of actions)
    test(what, () => assert.equal(nextAction(resource, observed), expected));
});

describe('the status', () => {
  const objective = { name: 'kind', rewardMean: 0.31249, weight: 1.5 };
  const report = { step: 12, etaSeconds: 200.4, objectives: [objective, { ...objective, name: 'brief', weight: NaN }] };
  // A report has many more fields, none of which appear in a status.
  const running = runOf({ step: 12, lastStep: report as unknown as StepReport });

  test('what a run does', () => {
    const status = statusOf(resourceOf(), observedOf({ run: running }), now);
    const { phase, progress, rewards, weights, eta, startTime, runId, observedGeneration } = status;
    assert.deepEqual(
      [phase, progress, eta, runId, observedGeneration],
      ['Running', '12/20', '3m20s', 'team-chat-1', 2],
    );
    assert.deepEqual([rewards, weights], ['kind 0.312, brief 0.312', 'kind 1.500, brief NaN']);
    assert.equal(startTime, '2023-11-14T22:13:20Z');
    // JSON has no NaN.
    assert.deepEqual(status.objectives?.[1], { name: 'brief', reward: 0.31249 });
    assert.equal(conditionOf(status, 'Accepted')?.status, 'True');
    assert.equal(conditionOf(status, 'Complete')?.status, 'False');
  });

  test('stays as it was while the coordinator is away', () => {
    const before = statusOf(resourceOf(), observedOf({ run: running }), new Date(earlier));
    const unreachable = { reason: 'Unavailable', message: 'the coordinator does not answer: connection refused' };
    const status = statusOf(resourceOf({}, before), observedOf({ unreachable }), now);
    assert.deepEqual({ ...status, conditions: [], message: '' }, { ...before, conditions: [], message: '' });
    const condition = conditionOf(status, 'CoordinatorReachable');
    assert.deepEqual([condition?.status, condition?.lastTransitionTime], ['False', at]);
    assert.equal(conditionOf(status, 'Accepted')?.lastTransitionTime, earlier);
  });

  test('a suspension lasts until the run was resumed', () => {
    const reason = (
      resource: Parameters<typeof statusOf>[0],
      observed: Observed,
    ): Pick<Condition, 'status' | 'reason'> => {
      const { status, reason } = conditionOf(statusOf(resource, observed, now), 'Suspended') ?? assert.fail();
      return { status, reason };
    };
    const held = resourceOf({}, suspended('True'));
    assert.deepEqual(reason(resourceOf({ suspend: true }), observedOf()), { status: 'True', reason: 'NotStarted' });
    assert.deepEqual(reason(resourceOf({ suspend: true }), observedOf({ run: running })), { status: 'True', reason: 'Pausing' }); // prettier-ignore
    assert.deepEqual(reason(held, observedOf({ run: paused })), { status: 'True', reason: 'Resuming' });
    const suspensionProblem = { reason: 'FailedPrecondition', message: 'files have changed' };
    assert.equal(reason(held, observedOf({ run: paused, suspensionProblem })).reason, 'FailedPrecondition');
    assert.equal(reason(held, observedOf({ run: running, resumed: true })).status, 'False');
  });

  test('ends, refusals and lost runs', () => {
    const refused = { reason: 'InvalidArgument', message: 'spec.config: policy.model: no such directory' };
    const pending = statusOf(resourceOf(), observedOf({ refused }), now);
    assert.deepEqual([pending.phase, pending.message], ['Pending', refused.message]);
    assert.equal(conditionOf(pending, 'Accepted')?.reason, 'InvalidArgument');

    const failed = statusOf(
      resourceOf(),
      observedOf({ run: runOf({ state: 'RUN_STATE_FAILED', reason: 'NaN' }) }),
      now,
    );
    assert.deepEqual([failed.phase, failed.completionTime, conditionOf(failed, 'Failed')?.message], ['Failed', at, 'NaN']); // prettier-ignore
    const resumed = statusOf(resourceOf({}, failed), observedOf({ run: running }), now);
    assert.deepEqual([resumed.phase, 'completionTime' in resumed], ['Running', false]);

    const lost = { reason: 'RunNotFound', message: 'the coordinator has lost the run' };
    const gone = statusOf(resourceOf({}, resumed), observedOf({ refused: lost }), now);
    assert.deepEqual([gone.phase, gone.progress, conditionOf(gone, 'Failed')?.reason], ['Failed', '12/20', 'RunNotFound']); // prettier-ignore
  });

  test('durations', () => {
    const texts: [seconds: number, text: string][] = [
      [0, '0s'],
      [59.6, '1m'],
      [200, '3m20s'],
      [7500, '2h5m'],
      [3601, '1h'],
      [273_600, '3d4h'],
      [Infinity, ''],
    ];
    for (const [seconds, text] of texts) assert.equal(durationText(seconds), text);
  });
});

test('events: what changed, each once', () => {
  const first = statusOf(resourceOf(), observedOf({ run: runOf({ state: 'RUN_STATE_STARTING' }) }), now);
  const reasons = (before: Status | undefined, after: Status): string[] =>
    eventsBetween(before, after).map(({ type, reason }) => `${type} ${reason}`);
  assert.deepEqual(reasons(undefined, first), ['Normal RunCreated', 'Normal Starting']);
  const running = statusOf(resourceOf({}, first), observedOf({ run: runOf({ step: 3 }) }), now);
  assert.deepEqual(reasons(first, running), ['Normal Running']);
  assert.deepEqual(reasons(running, running), []);
  const steered = statusOf(resourceOf({}, running), observedOf({ run: runOf({ preference: { kind: 3, brief: 1 } }) }), now); // prettier-ignore
  assert.equal(eventsBetween(running, steered)[0]?.message, 'from the next step on: kind 3, brief 1');
  const away = statusOf(resourceOf({}, running), observedOf({ unreachable: { reason: 'Unavailable', message: 'gone' } }), now); // prettier-ignore
  assert.deepEqual(reasons(running, away), ['Warning CoordinatorUnreachable']);
  assert.deepEqual(reasons(away, running), ['Normal CoordinatorBack']);
});

describe('what the coordinator is given', () => {
  test('an id that is a word, the same each time, and another one for another resource', () => {
    const { metadata, ...rest } = resourceOf();
    const id = runIdOf({ ...rest, metadata });
    assert.match(id, /^team-chat-[0-9a-f]{12}$/);
    assert.equal(runIdOf(resourceOf({ suspend: true })), id);
    assert.notEqual(runIdOf({ ...rest, metadata: { ...metadata, uid: '0f3d' } }), id);
    // The readable parts are the same.
    const dotted = (namespace: string, name: string): string => runIdOf({ ...rest, metadata: { ...metadata, namespace, name } }); // prettier-ignore
    assert.notEqual(dotted('a', 'b.c'), dotted('a-b', 'c'));
    assert.match(dotted('n'.repeat(63), `${'x.'.repeat(120)}y`), /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/);
  });

  test('a configuration with the preference of the spec, where the method takes one', () => {
    const preferred = JSON.parse(configYamlOf(resourceOf({ preference: { kind: 3, brief: 1 } }))) as object;
    assert.deepEqual(preferred, { name: 'chat', combine: { method: 'pgapo', preference: { kind: 3, brief: 1 } } });
    const unsteered = { name: 'chat', combine: { method: 'mgda' } };
    for (const config of [unsteered, { name: 'chat' }, { name: 'chat', combine: { method: 'other' } }])
      assert.deepEqual(JSON.parse(configYamlOf(resourceOf({ config, preference: { kind: 1 } }))), config);
    assert.equal(authorOf(resourceOf()), 'TrainingRun team/chat');
  });
});
