// Adding and removing objectives: when changes take effect, that a resumed run is identical, and what is refused.
import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connectEvents } from '@gapo/events';
import {
  RpcError,
  type ChangeObjectivesRequestInput,
  type ChangeObjectivesResponse,
  type DescribeResponseInput,
  type RpcCode,
} from '@gapo/rpc';
import {
  count,
  createRun,
  createRunHeldAt,
  deadlineMs,
  holdAt,
  reportsOf,
  rewardOf,
  rewardServer,
  runYaml,
  scoring,
  startAll,
  startCoordinator,
  startWorld,
  until,
  untilStep,
  type TestCoordinator,
  type TestReward,
} from '../fixtures/world.fixture.js';

const config = runYaml({
  steps: 7,
  extra: 'combine: { method: pgapo, preference: { letters: 1, short: 1 }, refreshEvery: 9 }\ncheckpoints: { every: 2 }',
});

/** Starts the service of a third objective: many b. */
function thirdReward(t: TestContext): Promise<TestReward> {
  return rewardServer(t, 'third', scoring(count('b')));
}

function change(
  { client }: TestCoordinator,
  request: ChangeObjectivesRequestInput,
  runId = 'bandit',
): Promise<ChangeObjectivesResponse> {
  return client.ChangeObjectives({ runId, author: 'Ada', ...request }, { deadlineMs });
}

const adding = ({ address }: TestReward): ChangeObjectivesRequestInput => ({
  add: [{ name: 'third', service: address }],
  preference: { letters: 2, short: 1, third: 1 },
});

/** Returns the objectives of each step, and the age of its weights. */
async function stepsOf(
  coordinator: TestCoordinator,
  runId = 'bandit',
): Promise<readonly (readonly [string, number])[]> {
  return (await reportsOf(coordinator, runId)).map(({ objectives, weightsAge }) => {
    assert.ok(objectives.every(({ rewardMean, weight }) => Number.isFinite(rewardMean) && Number.isFinite(weight)));
    return [objectives.map(({ name }) => name).join(' '), weightsAge] as const;
  });
}

const expected = [
  ['letters short', 0],
  ['letters short', 1],
  ['letters short third', 0],
  ['letters short third', 1],
  ['letters third', 0],
  ['letters third', 1],
  ['letters third', 2],
];

test('changes apply from the next step on; a run that is interrupted between them ends in the same bytes', async (t) => {
  const third = await thirdReward(t);
  const bus = await connectEvents({ source: 'gapo/coordinator', inProcess: true });
  t.after(() => bus.close());
  const world = await startWorld(t);
  const coordinator = await startCoordinator(t, world, bus);
  const [second, fourth] = [holdAt(world, 2), holdAt(world, 4)];
  const created = await createRun(coordinator, world, config);
  await second.reached;
  const added = await change(coordinator, adding(third));
  assert.deepEqual(
    [added.changed, added.firstStep, added.before, added.preferenceBefore],
    [true, 3, ['letters', 'short'], { letters: 1, short: 1 }],
  );
  assert.deepEqual(added.run?.objectives, ['letters', 'short', 'third']);
  assert.deepEqual(added.run.preference, { letters: 2, short: 1, third: 1 });
  second.release();
  await fourth.reached;
  const removed = await change(coordinator, { remove: ['short'] });
  assert.deepEqual([removed.firstStep, removed.run?.preference], [5, { letters: 2, third: 1 }]);
  fourth.release();
  const ended = await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
  assert.equal(ended.configSha256, created.configSha256);
  assert.deepEqual(await stepsOf(coordinator), expected);
  const published: unknown[] = [];
  for await (const { type, data } of bus.replay('bandit')) if (type === 'gapo.v1.objective') published.push(data);
  const who = { author: 'Ada', removed: [] as string[], added: [] as string[] };
  assert.deepEqual(published, [
    {
      ...who,
      step: 3,
      added: ['third'],
      objectives: ['letters', 'short', 'third'],
      preference: { letters: 2, short: 1, third: 1 },
    },
    { ...who, step: 5, removed: ['short'], objectives: ['letters', 'third'], preference: { letters: 2, third: 1 } },
  ]);
  await assert.rejects(change(coordinator, { remove: ['third'] }), /FAILED_PRECONDITION.*no step is left/s);

  // The same changes, but the process ends in step 6 and the run resumes from before the first change.
  const other = await startWorld(t);
  const first = await startCoordinator(t, other);
  const [heldSecond, heldFourth] = [holdAt(other, 2), holdAt(other, 4)];
  const sixth = new Promise<void>((resolve) => {
    const { answer } = third;
    third.answer = async (request, signal) => {
      if (!request.items[0]?.id.startsWith('6.')) return answer(request, signal);
      third.answer = answer;
      resolve();
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
    };
  });
  await createRun(first, other, config);
  await heldSecond.reached;
  await change(first, adding(third));
  heldSecond.release();
  await heldFourth.reached;
  await change(first, { remove: ['short'] });
  heldFourth.release();
  await sixth;
  await first.stop(0);
  for (const step of ['step-000004', 'step-000005']) {
    await rm(join(other.directory, 'runs', 'bandit', 'checkpoints', step), { recursive: true, force: true });
  }
  const next = await startCoordinator(t, other);
  await until(next, 'bandit', 'RUN_STATE_RUNNING');
  // The service of short is needed for steps 3 and 4 again, but not after them.
  await untilStep(next, 'bandit', 5);
  await rewardOf(other, 'short').stop();
  const resumed = await until(next, 'bandit', 'RUN_STATE_SUCCEEDED');
  assert.equal(resumed.versionSha256, ended.versionSha256);
  assert.deepEqual(await stepsOf(next), expected);
});

test('a paused run can be changed, by a later process too; an objective whose service is gone can be removed', async (t) => {
  const third = await thirdReward(t);
  const { world, coordinator } = await startAll(t, { env: { REWARD_RETRY_SECONDS: '1' } });
  const release = await createRunHeldAt(coordinator, world, config, 2);
  await coordinator.client.PauseRun({ runId: 'bandit' }, { deadlineMs });
  const stopping = coordinator.stop(5000);
  release();
  await stopping;
  const next = await startCoordinator(t, world);
  const added = await change(next, adding(third));
  assert.deepEqual([added.run?.state, added.firstStep], ['RUN_STATE_PAUSED', 3]);
  await third.stop();
  const resuming = next.client.ResumeRun({ runId: 'bandit' }, { deadlineMs });
  await assert.rejects(resuming, /reward service of third at .* does not answer/);
  // Nothing calls the service of short any more, although the run began with it.
  await rewardOf(world, 'short').stop();
  const { run } = await change(next, { remove: ['third', 'short'] });
  assert.deepEqual([run?.objectives, run?.preference], [['letters'], { letters: 2 }]);
  await next.client.ResumeRun({ runId: 'bandit' }, { deadlineMs });
  await until(next, 'bandit', 'RUN_STATE_SUCCEEDED');
  assert.deepEqual((await stepsOf(next)).at(-1), ['letters', 4]);
  // An evaluation calls the services of the current objectives, not the two removed ones.
  const reported: string[][] = [];
  for await (const { report } of next.client.EvaluateRun({ runId: 'bandit' }, { deadlineMs })) {
    if (report) reported.push(report.objectives.map(({ name }) => name));
  }
  assert.deepEqual(reported, [['letters']]);
  // So does an average whose first ingredient is this run.
  const soup = await next.client.CreateSoup({ ingredients: { bandit: 1 }, runId: 'soup' }, { deadlineMs });
  assert.deepEqual(soup.run?.objectives, ['letters']);
});

test('a run pauses if the service of a new objective is gone before its first step', async (t) => {
  const third = await thirdReward(t);
  const { world, coordinator } = await startAll(t, { env: { REWARD_RETRY_SECONDS: '1' } });
  const release = await createRunHeldAt(coordinator, world, config, 2);
  await change(coordinator, adding(third));
  await third.stop();
  release();
  const { reason, step } = await until(coordinator, 'bandit', 'RUN_STATE_PAUSED');
  assert.equal(step, 2);
  assert.match(reason, /reward service of third at .* does not answer.*the run then resumes by itself/);
});

test('the service of an objective that is added again is described again', async (t) => {
  const description: DescribeResponseInput = {};
  const third = await rewardServer(t, 'third', scoring(count('b')), description);
  const add = [{ name: 'third', service: third.address }];
  const { world, coordinator } = await startAll(t);
  const changes: ChangeObjectivesRequestInput[] = [{ add }, { remove: ['third'] }, { add }];
  const held = changes.map((request, i) => ({ request, ...holdAt(world, i + 1) }));
  await createRun(coordinator, world, runYaml({ steps: 4 }));
  for (const [i, { request, reached, release }] of held.entries()) {
    await reached;
    if (i === 2) Object.assign(description, { orientation: 'ORIENTATION_LOWER_IS_BETTER', version: '2' });
    await change(coordinator, request);
    release();
  }
  await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
  const means = (await reportsOf(coordinator, 'bandit')).map(({ objectives }) => objectives[2]?.rewardMean);
  assert.deepEqual(
    means.map((mean) => mean && Math.sign(mean)),
    [undefined, 1, undefined, -1],
  );
});

test('a repeated request is a no-op; an invalid request is refused and changes nothing', async (t) => {
  const third = await thirdReward(t);
  const world = await startWorld(t);
  const bus = await connectEvents({ source: 'gapo/coordinator', inProcess: true });
  t.after(() => bus.close());
  const coordinator = await startCoordinator(t, world, bus);
  const release = await createRunHeldAt(coordinator, world, config, 1);
  assert.equal((await change(coordinator, adding(third))).changed, true);
  const again = await change(coordinator, { add: [{ name: 'third', service: third.address }] });
  assert.deepEqual([again.changed, again.firstStep], [false, 2]);
  // One request removes an objective and adds it with other settings.
  const lenient = { name: 'third', service: third.address, onFailure: 'FAILURE_POLICY_DROP' } as const;
  assert.equal((await change(coordinator, { add: [lenient], remove: ['third'] })).changed, true);
  assert.equal((await change(coordinator, { remove: ['short'] })).changed, true);
  assert.equal((await change(coordinator, { remove: ['short'] })).changed, false);

  const numbers = { letters: 1, third: 1 };
  const refusals: [ChangeObjectivesRequestInput, RpcCode, RegExp][] = [
    [{}, 'INVALID_ARGUMENT', /name objectives to add or to remove/],
    [{ remove: ['thirt'] }, 'NOT_FOUND', /no objective "thirt": its objectives are letters, third; did you mean third/],
    [{ remove: ['letters', 'third'] }, 'FAILED_PRECONDITION', /no objective left/],
    [
      { add: [{ name: 'third', service: third.address }] },
      'ALREADY_EXISTS',
      /an objective third \(service 127\.0\.0\.1:\d+, onFailure drop, timeoutSeconds 30\)/,
    ],
    [
      { add: [{ name: 'fourth', service: third.address, timeoutSeconds: -1 }] },
      'INVALID_ARGUMENT',
      /add\[0\]\.timeoutSeconds: found number -1/,
    ],
    [{ add: [{ name: 'a b', service: third.address }] }, 'INVALID_ARGUMENT', /add\[0\]\.name: found string "a b"/],
    [
      { add: [{ name: 'regularizer', service: third.address }], preference: { ...numbers, regularizer: 1 } },
      'INVALID_ARGUMENT',
      /objectives\[2\]\.name: found string "regularizer", expected another name/,
    ],
    [
      { add: [{ name: 'fourth' }], preference: { ...numbers, fourth: 1 } },
      'INVALID_ARGUMENT',
      /objectives\[2\]\.service: .* a name in REWARD_SERVICES \(letters, short\), or host:port/,
    ],
    [{ add: [{ name: 'short' }] }, 'INVALID_ARGUMENT', /preference: short is missing/],
    [
      { add: [{ name: 'short' }], preference: { short: 1 } },
      'INVALID_ARGUMENT',
      /letters is missing; third is missing/,
    ],
    [{ remove: ['third'], preference: numbers }, 'INVALID_ARGUMENT', /third is not an objective/],
    [
      { add: [{ name: 'fourth', service: '127.0.0.1:1', timeoutSeconds: 1 }], preference: { ...numbers, fourth: 1 } },
      'FAILED_PRECONDITION',
      /reward service of fourth at 127\.0\.0\.1:1 does not answer/,
    ],
    [
      { add: [{ name: 'fourth', service: third.address }], preference: { ...numbers, fourth: 1 } },
      'FAILED_PRECONDITION',
      /is for the objective "third", not for fourth/,
    ],
  ];
  const file = join(world.directory, 'runs', 'bandit', 'aims.jsonl');
  const recorded = await readFile(file, 'utf8');
  const refused = (request: ChangeObjectivesRequestInput, code: RpcCode, what: RegExp, runId?: string): Promise<void> =>
    assert.rejects(change(coordinator, request, runId), (error) => {
      assert.ok(error instanceof RpcError);
      assert.deepEqual([error.code, what.test(error.details)], [code, true], error.message);
      return true;
    });
  for (const refusal of refusals) await refused(...refusal);
  await refused({ remove: ['third'] }, 'NOT_FOUND', /no run "nobody"/, 'nobody');
  assert.equal(await readFile(file, 'utf8'), recorded);
  release();
  assert.deepEqual((await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED')).objectives, ['letters', 'third']);
  const published: unknown[] = [];
  for await (const event of bus.replay('bandit')) {
    if (event.type === 'gapo.v1.objective') published.push([event.data.removed, event.data.added]);
  }
  assert.deepEqual(published, [
    [[], ['third']],
    [['third'], ['third']],
    [['short'], []],
  ]);
});

test('a run whose state or settings depend on its objectives refuses to change them with the reason', async (t) => {
  const third = await thirdReward(t);
  const { world, coordinator } = await startAll(t);
  const constraints = 'lagrangian: { objective: letters, constraints: { short: { limit: 0 } } }';
  const runs: [string, RegExp][] = [
    ['ppo: { advantages: gae }', /one critic for each objective/],
    [`combine: { method: lagrangian }\n${constraints}`, /a limit for each objective/],
    ['combine: { method: tchebycheff, reference: { letters: 6, short: 0 } }', /a reference for each objective/],
    ['combine: { method: single, objective: short }', /combine\.objective: .*expected one of letters/],
  ];
  for (const [i, [extra, why]] of runs.entries()) {
    const runId = `fixed-${i}`;
    const release = await createRunHeldAt(coordinator, world, runYaml({ steps: 2, extra }), 1, runId);
    await assert.rejects(change(coordinator, { remove: ['short'] }, runId), why);
    // The method `single` accepts further objectives, which are only measured.
    const add = [{ name: 'third', service: third.address }];
    if (extra.includes('single')) assert.equal((await change(coordinator, { add }, runId)).changed, true);
    else await assert.rejects(change(coordinator, { add }, runId), /create a run with the objectives that you want/);
    release();
    await until(coordinator, runId, 'RUN_STATE_SUCCEEDED');
  }
  assert.deepEqual(await stepsOf(coordinator, 'fixed-3'), [
    ['letters short', 0],
    ['letters short third', 0],
  ]);
});
