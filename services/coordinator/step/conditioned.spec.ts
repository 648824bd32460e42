// Preference-conditioned policies: the policy sees the preference, reward services do not, and only the configuration determines the
// result.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, required } from '@gapo/numeric';
import { RpcError, type EvaluationReport } from '@gapo/rpc';
import {
  createRunHeldAt,
  deadlineMs,
  runYaml,
  startAll,
  startCoordinator,
  train,
  trainAlone,
  until,
  usualScorers,
  type TestCoordinator,
} from '../fixtures/world.fixture.js';

/** The prompt, which ends with e, is followed by one b per quarter of letters and one c per quarter of short. */
const conditioned = (steps: number, extra = ''): string =>
  runYaml({
    steps,
    extra: `combine: { method: pgapo, preference: { letters: 0.5, short: 0.5 } }\nkl: { coefficient: 0.02, in: reward }\n${extra}`,
  }).replace(
    'model: model,',
    "model: model, condition: { on: preference, levels: 4, corners: 0.3, text: '{prompt}{letters*b}{short*c}' },",
  );

async function evaluate(
  { client }: TestCoordinator,
  preference: Record<string, number> = {},
): Promise<EvaluationReport> {
  let report: EvaluationReport | undefined;
  for await (const message of client.EvaluateRun({ runId: 'bandit', samples: 2, preference }, { deadlineMs })) {
    if (message.report) report = message.report;
  }
  return required(report, 'the report');
}

for (const extra of ['', 'ppo: { advantages: gae, epochs: 2 }', 'rollout: { staleness: 1 }']) {
  test(`the same configuration ends in the same bytes, whichever workers run it${extra && `: ${extra}`}`, async (t) => {
    const config = extra.startsWith('rollout')
      ? conditioned(3).replace('samplesPerPrompt', 'staleness: 1, samplesPerPrompt')
      : conditioned(3, extra);
    const answer = (): void => undefined;
    const one = await trainAlone(t, config);
    const two = await trainAlone(t, config, { rollouts: [answer, answer], gradients: [answer, answer] });
    assert.match(one.run.versionSha256, /^[0-9a-f]{64}$/);
    assert.equal(two.run.versionSha256, one.run.versionSha256);
  });
}

test('a run that is interrupted ends in the bytes of an undisturbed one', async (t) => {
  const config = conditioned(5, 'checkpoints: { every: 2 }');
  const whole = await trainAlone(t, config);
  const { world, coordinator: first } = await startAll(t);
  const release = await createRunHeldAt(first, world, config, 4);
  await first.stop(50); // step 4 is aborted
  release();
  const ended = await until(await startCoordinator(t, world), 'bandit', 'RUN_STATE_SUCCEEDED');
  assert.equal(ended.versionSha256, whole.run.versionSha256);
});

/** Tokens of the test's model. */
const [begin, a] = [1, 3];

/** The prompts of Generate or LogProbs requests, with the policy version requested. */
interface Prompts {
  readonly policy: { readonly version: number };
  readonly prompts?: readonly { readonly tokenIds: readonly number[] }[];
  readonly sequences?: readonly { readonly promptIds: readonly number[] }[];
}

test('the policy gets prompts with the preference; rewards, the reference and the policy before training get them without', async (t) => {
  const rewarded = new Set<string>();
  const asked: { method: string; version: number; stated: string; plain: string }[] = [];
  const listen = ({ method, request }: { method: string; request: unknown }): void => {
    const { policy, prompts = [], sequences = [] } = request as Prompts;
    for (const ids of [...prompts.map(({ tokenIds }) => tokenIds), ...sequences.map(({ promptIds }) => promptIds)]) {
      const text = ids
        .filter((id) => id !== begin)
        .map((id) => 'abcde'.charAt(id - a))
        .join('');
      const [, plain = '', stated = ''] = /^(a?b?c?d?e)(b*c*)$/.exec(text) ?? [];
      asked.push({ method, version: policy.version, stated, plain });
    }
  };
  const { world, coordinator } = await startAll(t, {
    rollouts: [listen],
    gradients: [listen],
    scorers: {
      ...usualScorers,
      letters: (request, signal) => {
        for (const { prompt, turns } of request.items) rewarded.add(prompt).add(at(turns, 0).content);
        return usualScorers.letters(request, signal);
      },
    },
  });
  const { client } = coordinator;
  const { run, reports } = await train(coordinator, world, conditioned(3));
  assert.equal(run.preferenceLevels, 4);
  const prompts = ['abcde', 'bcde', 'cde', 'de', 'e'];
  assert.deepEqual([...rewarded].sort(), prompts);
  const of = (method: string): typeof asked => asked.filter((each) => each.method === method);
  assert.deepEqual(new Set(of('LogProbs').map(({ version, stated }) => `${version} ${stated}`)), new Set(['0 ']));
  for (const method of ['Generate', 'ComputeGradients']) {
    const stated = new Set(of(method).map((each) => each.stated));
    assert.ok(stated.size > 2, [...stated].join());
    for (const text of stated) assert.equal(text.length, 4, text);
  }
  assert.deepEqual(new Set(asked.map(({ plain }) => plain)), new Set(prompts));
  for (const { objectives } of reports) {
    const alphas = objectives.map(({ alpha }) => alpha);
    assert.ok(Math.abs(at(alphas, 0) + at(alphas, 1) - 1) < 1e-9 && Math.min(...alphas) > 0.1, 'the mean preference');
  }
  const { samples } = await client.ListSamples({ runId: 'bandit', pageSize: 100 }, { deadlineMs });
  const ids = new Map(samples.map(({ promptId, promptText }) => [promptId, promptText]));
  assert.equal(ids.size, new Set(ids.values()).size, 'a prompt has one id, whatever preference it states');
  assert.ok(samples.every(({ preference }) => required(preference['letters'], 'its share') in { 0: 1, 0.25: 1, 0.5: 1, 0.75: 1, 1: 1 })); // prettier-ignore

  asked.length = 0;
  const evaluations: EvaluationReport[] = [];
  for (const letters of [1, 0, 0.25]) evaluations.push(await evaluate(coordinator, { letters }));
  evaluations.push(await evaluate(coordinator));
  assert.deepEqual(
    evaluations.map(({ preference }) => preference),
    [1, 0, 0.25, 0.5].map((letters) => ({ letters, short: 1 - letters })),
    'without one, that of the configuration',
  );
  assert.ok(asked.filter(({ version }) => version === 0).every(({ stated }) => stated === ''));
  const later = new Set(asked.filter(({ version }) => version > 0).map(({ stated }) => stated));
  assert.deepEqual([...later], ['bbbb', 'cccc', 'bccc', 'bbcc']);
  const { reports: kept } = await client.ListEvaluations({ runId: 'bandit' }, { deadlineMs });
  assert.deepEqual(
    kept.map(({ preference }) => preference['letters']),
    [0, 0.25, 0.5, 1],
  );

  asked.length = 0;
  const generate = (preference: Record<string, number>, of = ['abcde', 'de']) =>
    client.GenerateCompletions(
      { runId: 'bandit', prompts: of, samplesPerPrompt: 2, preference, seed: 3 },
      { deadlineMs },
    );
  const first = await generate({ letters: 0.8 });
  assert.deepEqual(first.preference, { letters: 0.75, short: 0.25 }, 'the nearest levels');
  assert.deepEqual(first, await generate({ letters: 0.8 }));
  assert.deepEqual(
    first.completions.map(({ prompt, sample }) => [prompt, sample]),
    [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ],
  );
  assert.deepEqual(new Set(asked.map(({ stated }) => stated)), new Set(['bbbc']));
  const refused: [Promise<unknown>, RegExp][] = [
    [generate({ letters: 1.5 }), /preference: letters is 1.5, expected a share from 0 to 1/],
    [generate({ long: 1 }), /preference: there is no objective long, only letters, short/],
    [generate({}, []), /prompts: found 0, expected 1 to 256/],
    [generate({}, ['abcde'.repeat(5)]), /prompts\[0\]: the prompt has 29 tokens.*leaves 26 next to a completion of 6/],
  ];
  for (const [call, message] of refused) {
    await assert.rejects(call, (error) => error instanceof RpcError && message.test(error.message));
  }
});

test('goals of a run with a conditioned policy do not change, and other policies take no preference', async (t) => {
  const { world, coordinator } = await startAll(t, { scorers: usualScorers });
  const { client } = coordinator;
  const release = await createRunHeldAt(coordinator, world, conditioned(2), 1);
  await assert.rejects(
    client.SetPreference({ runId: 'bandit', preference: { letters: 1, short: 1 } }, { deadlineMs }),
    /run bandit trains for every preference \(policy\.condition\): give one to gapo generate or gapo eval with --prefer/,
  );
  await assert.rejects(
    client.ChangeObjectives({ runId: 'bandit', remove: ['short'] }, { deadlineMs }),
    /run bandit conditions its policy on a preference over its initial objectives \(policy\.condition\); create a run/,
  );
  release();
  await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
  await train(coordinator, world, runYaml({ steps: 1 }), 'plain');
  await assert.rejects(
    client.GenerateCompletions({ runId: 'plain', prompts: ['a'], preference: { letters: 1 } }, { deadlineMs }),
    /run plain has one policy for one preference: leave the preference out/,
  );
  const { completions, preference } = await client.GenerateCompletions(
    { runId: 'plain', prompts: ['a'] },
    { deadlineMs },
  );
  assert.deepEqual([completions.length, preference], [1, {}]);
});
