// Whatever a reward service does wrong, the objective's policy comes about, and is said with service, objective and item;
// where the next call succeeds, the run ends in the same bytes as one that nothing happened to.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectEvents } from '@gapo/events';
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

const good = usualScorers['letters']!;
const late = faults['no answer by the deadline']!;

test('faults of a reward service', async (t) => {
  const bus = await connectEvents({ source: 'gapo/coordinator', inProcess: true });
  const world = await startWorld(t, { scorers: { short: usualScorers['short']! } });
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
    // On one connection, what was sent before a call has arrived once that is answered: first requests, then their answers.
    do {
      await Promise.allSettled(others);
      await client.Describe({}, { deadlineMs });
    } while (others.size > 0);
    return relay;
  };

  let calls = 0;
  let lost: string[] = [];
  /** Goes wrong in the calls for the first item of step 2, as often as stated. */
  const inject =
    ({ answer, lost: places }: Fault, times: number): Scorer =>
    async (request, signal) => {
      const { items } = request;
      const answered = Promise.resolve(good(request, signal));
      if (items[0]!.id !== '2.0.0') {
        others.add(answered);
        return answered.finally(() => others.delete(answered));
      }
      calls += 1;
      if (calls > times) return answered;
      lost = items.filter((_, place) => places === 'all' || places.includes(place)).map(({ id }) => id);
      return answer((await answered).results ?? [], alone);
    };
  const begin = async (runId: string, options: string, fault?: Fault, times = Infinity): Promise<void> => {
    [calls, lost, reward.answer] = [0, [], fault ? inject(fault, times) : good];
    const timeoutSeconds = fault === late ? 2 : 10;
    const objective = `{ name: letters, service: '${relay.address}', timeoutSeconds: ${timeoutSeconds}, ${options} }`;
    await createRun(coordinator, world, runYaml({ steps: 2, objectives: [objective, 'short'] }), runId);
  };

  await begin('undisturbed', 'onFailure: pause');
  const { versionSha256 } = await until(coordinator, 'undisturbed', 'RUN_STATE_SUCCEEDED');
  const endsAlike = async (runId: string): Promise<void> =>
    assert.equal((await until(coordinator, runId, 'RUN_STATE_SUCCEEDED')).versionSha256, versionSha256);

  /** What is said of the first item. */
  const assertTold = (text: string, fault: Fault): void => {
    assert.ok(text.startsWith(`${lost[0]}: `), `${text} is not of ${lost[0]}`);
    assert.match(text.slice(`${lost[0]}: `.length), fault.told);
  };

  for (const [n, [name, fault]] of Object.entries(faults).entries()) {
    for (const [onFailure, state] of [
      ['pause', 'RUN_STATE_PAUSED'],
      ['fail', 'RUN_STATE_FAILED'],
    ] as const) {
      await t.test(`${name}, onFailure: ${onFailure}: then as if nothing had been, once it is mended`, async () => {
        const runId = `${onFailure}-${n}`;
        await begin(runId, `onFailure: ${onFailure}`, fault);
        const { reason, step } = await until(coordinator, runId, state);
        assert.deepEqual([step, calls], [1, fault.calls]);
        const [, service, said = ''] =
          /^objective letters at (\S+) has no score for \d+ of 32 completions of step 2 \((.*)\); fix the reward service, then resume the run$/.exec(
            reason,
          ) ?? [];
        assert.equal(service, relay.address, reason);
        assertTold(said, fault);
        reward.answer = good;
        await coordinator.client.ResumeRun({ runId }, { deadlineMs });
        await endsAlike(runId);
      });
    }

    await t.test(`${name}, onFailure: drop: the run goes on without those completions`, async () => {
      const runId = `drop-${n}`;
      await begin(runId, 'onFailure: drop', fault);
      const run = await until(coordinator, runId, 'RUN_STATE_SUCCEEDED', 'RUN_STATE_PAUSED');
      assert.equal(run.state, 'RUN_STATE_SUCCEEDED', run.reason);
      assert.notEqual(run.versionSha256, versionSha256);
      await bus.flush();
      const event = events.findLast(({ step, objective }) => step === 2 && objective === 'letters')!;
      assert.equal(event.service, relay.address);
      assert.ok(event.failed >= lost.length && event.failed < 32, `${event.failed} of 32`);
      const [letters, short] = run.lastStep!.objectives;
      assert.deepEqual([letters!.failed, short!.failed], [event.failed, 0]);
      assertTold(event.failures[0]!, fault);
    });

    if (fault.calls === 1) continue;
    await t.test(`${name}, until the last call: the run ends as if nothing had been`, async () => {
      const runId = `passing-${n}`;
      await begin(runId, 'onFailure: fail', fault, fault.calls - 1);
      await endsAlike(runId);
      assert.equal(calls, fault.calls);
    });
  }

  await t.test('no answer by the deadline, hedged: the answer to the second call counts', async () => {
    await begin('hedged', 'onFailure: fail, hedgeAfterSeconds: 0.1', late, 1);
    await endsAlike('hedged');
    assert.equal(calls, 2);
  });
});
