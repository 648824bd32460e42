// Faults of a reward service: the objective's policy applies, and the reason names objective, service and item. If a
// retry succeeds, the run ends in the same bytes as an uninterrupted one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectEvents } from '@gapo/events';
import { at } from '@gapo/numeric';
import { connect, type RewardEventJson } from '@gapo/rpc';
import { faults, relayTo, type Fault, type Relay } from '../fixtures/faults.fixture.js';
import {
  createRun,
  deadlineMs,
  rewardServer,
  runYaml,
  startCoordinator,
  startWorld,
  until,
  usualScorers,
  type Scorer,
} from '../fixtures/world.fixture.js';

const { letters: good, short } = usualScorers;
const late = faults['no answer by the deadline'];

test('faults of a reward service', async (t) => {
  const bus = await connectEvents({ source: 'gapo/coordinator', inProcess: true });
  const world = await startWorld(t, { scorers: { short }, env: { REWARD_RETRY_SECONDS: '1' } });
  const coordinator = await startCoordinator(t, world, bus);
  const events: RewardEventJson[] = [];
  await bus.subscribe({ kind: 'reward' }, ({ data }) => void events.push(data as RewardEventJson));
  t.after(() => bus.close());

  const reward = await rewardServer(t, 'letters', good);
  const relay = await relayTo(t, reward.address);
  const client = connect('gapo.reward.v1.RewardService', relay.address);
  t.after(() => client.close());

  const others = new Set<Promise<unknown>>();
  const alone = async (): Promise<Relay> => {
    // One Describe round trip shows that earlier requests on the connection have arrived; a second, that their
    // responses have.
    do {
      await Promise.allSettled(others);
      await client.Describe({}, { deadlineMs });
    } while (others.size > 0);
    return relay;
  };

  let calls = 0;
  let lost: string[] = [];
  /** Injects a fault into the first `times` calls for the first item of step 2. */
  const inject =
    ({ answer, lost: indices }: Fault, times: number): Scorer =>
    async (request, signal) => {
      const { items } = request;
      const answered = Promise.resolve(good(request, signal));
      if (items[0]?.id !== '2.0.0') {
        others.add(answered);
        return answered.finally(() => others.delete(answered));
      }
      calls += 1;
      if (calls > times) return answered;
      lost = items.filter((_, index) => indices === 'all' || indices.includes(index)).map(({ id }) => id);
      return answer((await answered).results ?? [], alone);
    };
  const begin = async (runId: string, options: string, fault?: Fault, times = Infinity): Promise<void> => {
    [calls, lost, reward.answer] = [0, [], fault ? inject(fault, times) : good];
    const timeoutSeconds = fault === late ? 2 : 10;
    const objective = `{ name: letters, service: '${relay.address}', timeoutSeconds: ${timeoutSeconds}, ${options} }`;
    await createRun(
      coordinator,
      world,
      runYaml({ steps: 2, objectives: [objective, 'short'], extra: 'recovery: { resume: manual }' }),
      runId,
    );
  };

  await begin('undisturbed', 'onFailure: pause');
  const { versionSha256 } = await until(coordinator, 'undisturbed', 'RUN_STATE_SUCCEEDED');
  const endsUndisturbed = async (runId: string): Promise<void> =>
    assert.equal((await until(coordinator, runId, 'RUN_STATE_SUCCEEDED')).versionSha256, versionSha256);

  /** Checks the failure message of the first lost item. */
  const assertMessage = (text: string, fault: Fault): void => {
    assert.ok(text.startsWith(`${lost[0]}: `), `${text} does not begin with ${lost[0]}`);
    assert.match(text.slice(`${lost[0]}: `.length), fault.message);
  };

  for (const [n, [name, fault]] of Object.entries(faults).entries()) {
    for (const [onFailure, state] of [
      ['pause', 'RUN_STATE_PAUSED'],
      ['fail', 'RUN_STATE_FAILED'],
    ] as const) {
      await t.test(`${name}, onFailure: ${onFailure}: the run resumes without a trace once it is fixed`, async () => {
        const runId = `${onFailure}-${n}`;
        await begin(runId, `onFailure: ${onFailure}`, fault);
        const { reason, step } = await until(coordinator, runId, state);
        assert.deepEqual([step, calls], [1, fault.calls]);
        const [, service, message = ''] =
          /^objective letters at (\S+) has no score for \d+ of 32 completions of step 2 \((.*)\); fix the reward service, then resume the run$/.exec(
            reason,
          ) ?? [];
        assert.equal(service, relay.address, reason);
        assertMessage(message, fault);
        reward.answer = good;
        await coordinator.client.ResumeRun({ runId }, { deadlineMs });
        await endsUndisturbed(runId);
      });
    }

    await t.test(`${name}, onFailure: drop: the run continues without those completions`, async () => {
      const runId = `drop-${n}`;
      await begin(runId, 'onFailure: drop', fault);
      const run = await until(coordinator, runId, 'RUN_STATE_SUCCEEDED', 'RUN_STATE_PAUSED');
      assert.equal(run.state, 'RUN_STATE_SUCCEEDED', run.reason);
      assert.notEqual(run.versionSha256, versionSha256);
      await bus.flush();
      const event = events.findLast(({ step, objective }) => step === 2 && objective === 'letters');
      assert.ok(event && run.lastStep);
      assert.equal(event.service, relay.address);
      assert.ok(event.failed >= lost.length && event.failed < 32, `${event.failed} of 32`);
      assert.deepEqual(
        run.lastStep.objectives.map(({ failed }) => failed),
        [event.failed, 0],
      );
      assertMessage(at(event.failures, 0), fault);
    });

    if (fault.calls === 1) continue;
    await t.test(`${name}, fixed before the last call: the run ends without a trace of it`, async () => {
      const runId = `passing-${n}`;
      await begin(runId, 'onFailure: fail', fault, fault.calls - 1);
      await endsUndisturbed(runId);
      assert.equal(calls, fault.calls);
    });
  }

  await t.test('no answer by the deadline, hedged: the second call is answered', async () => {
    await begin('hedged', 'onFailure: fail, hedgeAfterSeconds: 0.1', late, 1);
    await endsUndisturbed('hedged');
    assert.equal(calls, 2);
  });
});
