/**
 * `generate`, `eval --prefer` and `front` for a run with a preference-conditioned policy, against a stub of the coordinator.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { required } from '@gapo/numeric';
import type { EvaluationReportJson, GenerateCompletionsRequest, RunInput } from '@gapo/rpc';
import { gapo, someRun, temporaryFolder, trainingService } from './cli.fixture.js';

const dial: RunInput = {
  method: 'pgapo',
  objectives: ['helpful', 'harmless'],
  preference: { helpful: 0.5, harmless: 0.5 },
};

/** A run whose policy's rewards equal the preference it is given, in tenths. */
async function dialService(
  t: TestContext,
): Promise<{ env: Record<string, string>; asked: GenerateCompletionsRequest[] }> {
  const asked: GenerateCompletionsRequest[] = [];
  const interval = (mean: number): object => ({ mean, low: mean - 0.1, high: mean + 0.1 });
  const address = await trainingService(t, {
    GetRun: async ({ runId }) => ({ run: someRun(runId, 'RUN_STATE_SUCCEEDED', 3, dial) }),
    GenerateCompletions: async (request) => {
      asked.push(request);
      const stated = Object.keys(request.preference).length > 0 ? { helpful: 0.7, harmless: 0.3 } : {};
      const texts = ['Open the\nsettings.', ''];
      return {
        version: 3,
        preference: stated,
        completions: request.prompts.flatMap((_, prompt) =>
          texts.map((text, sample) => ({ prompt, sample, text, finished: sample === 0, tokens: 5 })),
        ),
      };
    },
    async *EvaluateRun({ runId, preference }) {
      const helpful = Math.round(10 * required(preference['helpful'], 'helpful')) / 10;
      const stated = { helpful, harmless: Number((1 - helpful).toFixed(12)) };
      const objectives = Object.entries(stated).map(([name, share]) => {
        return {
          name,
          before: interval(0),
          after: interval(share),
          difference: interval(share),
          winRate: interval(0.5),
        };
      });
      yield { report: { runId, version: 3, prompts: 20, preference: stated, objectives } };
    },
  });
  return { env: { GAPO_COORDINATOR: address }, asked };
}

test('generate prints the completions of each prompt, and the stated preference', async (t) => {
  const { env, asked } = await dialService(t);
  const call = ['generate', 'a', 'How do I …?', 'Why?', '--samples', '2', '--seed', '5'];
  const { code, stdout, stderr } = await gapo(t, [...call, '--prefer', 'helpful=0.7', '--temperature', '0'], env);
  assert.equal(code, 0, stderr);
  const completions = '  Open the⏎ settings.\n  (empty) (unfinished)';
  assert.equal(
    stdout,
    `a, version 3, preference helpful 0.7, harmless 0.3\n\nHow do I …?\n${completions}\n\nWhy?\n${completions}\n`,
  );
  assert.match((await gapo(t, call, env)).stdout, /^a, version 3\n/);
  assert.deepEqual(
    asked.map(({ prompts, samplesPerPrompt, seed, temperature, preference }) => [
      prompts,
      samplesPerPrompt,
      seed,
      temperature,
      preference,
    ]),
    [
      [['How do I …?', 'Why?'], 2, 5, 0, { helpful: 0.7 }],
      [['How do I …?', 'Why?'], 2, 5, undefined, {}],
    ],
  );
});

test('eval and front evaluate one policy at preferences, and front says whether they order its rewards', async (t) => {
  const { env } = await dialService(t);
  const evaluated = await gapo(t, ['eval', 'a', '--prefer', 'helpful=0.2', '--json'], env);
  assert.deepEqual((JSON.parse(evaluated.stdout) as EvaluationReportJson).preference, { helpful: 0.2, harmless: 0.8 });
  const data = temporaryFolder(t);
  const front = await gapo(t, ['front', 'a', '--preferences', '3', '--data', data], env);
  assert.equal(front.code, 0, front.stderr);
  assert.match(front.stdout, /Mean rewards on 20 held-out prompts/);
  assert.match(front.stdout, /\* +one policy +0\.2\/0\.8 +0\.200/);
  assert.match(front.stdout, /Hypervolume: one policy \S+ \(3 policies\)/);
  assert.match(front.stdout, /Kendall's τ of preference and mean reward: one policy helpful 1, harmless 1\./);
  assert.ok(existsSync(join(data, 'fronts')));
  const json = JSON.parse(
    (await gapo(t, ['front', 'a', '--preferences', '3', '--data', data, '--json'], env)).stdout,
  ) as {
    kendallTau: unknown;
    policies: { preference: unknown }[];
  };
  assert.deepEqual(json.kendallTau, { 'one policy': { helpful: 1, harmless: 1 } });
  assert.equal(json.policies.length, 3);
  const mistakes: [string[], RegExp][] = [
    [['front', 'a', '--soup'], /--soup averages policies, but a run has only one: leave it out/],
    [['front', 'run.yaml', '--coordinator', '127.0.0.1:1'], /--coordinator needs a run/],
    [['generate', 'a'], /missing required argument 'prompt'/],
    [['generate', 'a', 'x', '--prefer', 'helpful'], /Expected NAME=NUMBER/],
    [['generate', 'a', 'x', '--temperature', '-1'], /Expected a number of at least 0/],
  ];
  for (const [args, pattern] of mistakes) {
    const { code, stderr } = await gapo(t, args, env);
    assert.equal(code, 2, stderr);
    assert.match(stderr, pattern);
  }
});
