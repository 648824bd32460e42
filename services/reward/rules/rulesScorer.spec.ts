import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, describe, test } from 'node:test';
import { type RewardClient, served } from '@gapo/reward/testing';
import { checkHealth } from '@gapo/rpc';
import { temporaryDirectory } from '@gapo/service/testing';
import { type RulesOptions, RulesScorer } from './rulesScorer.js';

/** Calls have no deadline because the machine may be busy. */
const deadlineMs = Infinity;

async function scorer(t: TestContext, yaml: string, options: Partial<RulesOptions> = {}): Promise<RulesScorer> {
  const path = join(await temporaryDirectory(t), 'rules.yaml');
  await writeFile(path, yaml);
  return RulesScorer.open({ path, ...options });
}

async function rules(t: TestContext, yaml: string, options: Partial<RulesOptions> = {}): Promise<RewardClient> {
  return served(t, await scorer(t, yaml, options));
}

function itemsOf(completions: readonly string[]): { id: string; prompt: string; completion: string }[] {
  return completions.map((completion, i) => ({ id: `${i}`, prompt: 'p', completion }));
}

async function scores(client: RewardClient, completions: readonly string[]): Promise<(number | undefined)[]> {
  const { results } = await client.Score({ items: itemsOf(completions) }, { deadlineMs });
  return results.map(({ score }) => score);
}

const polite = `
objective: polite
threshold: 0.5
rules:
  - { kind: length, target: 3, scale: 2, weight: 1 }
  - { kind: contains, words: [please, thank you], weight: 2 }
  - { kind: regex, pattern: '^sorry\\b', flags: i, weight: -0.5 }
  - { kind: repetition, weight: -1 }
`;

/** A pattern whose time doubles with every letter, and a text on which it effectively never ends. */
const endless = `objective: stuck\nrules: [{ kind: regex, pattern: '^(a+)+$' }]`;
const trap = `${'a'.repeat(60)}!`;

describe('rules behind gRPC', () => {
  test("a score is the weighted sum of the rules' measures", async (t) => {
    const client = await rules(t, polite);
    const found = await scores(client, ['Open it please', '', 'Sorry no', 'no no no no', 'Thank You']);
    // length: 1 / (1 + ((words - 3) / 2)^2); repetition: 1 - distinct word pairs / word pairs.
    const length = (words: number): number => 1 / (1 + ((words - 3) / 2) ** 2);
    assert.deepEqual(found, [length(3) + 2, length(0), length(2) - 0.5, length(4) - (1 - 1 / 3), length(2) + 2]);
  });

  test('Describe has the range that follows from the weights, and a version that comments do not change', async (t) => {
    const client = await rules(t, polite);
    const { objective, minimum, maximum, threshold, version, maxTokens } = await client.Describe({}, { deadlineMs });
    assert.deepEqual(
      { objective, minimum, maximum, threshold, maxTokens },
      {
        objective: 'polite',
        minimum: -1.5,
        maximum: 3,
        threshold: 0.5,
        maxTokens: 0,
      },
    );
    assert.match(version, /^[0-9a-f]{64}$/);
    const same = await rules(t, `# a comment\n${polite}`, { objective: 'named-otherwise' });
    const described = await same.Describe({}, { deadlineMs });
    assert.equal(described.version, version);
    assert.equal(described.objective, 'named-otherwise');
    const other = await rules(t, polite.replace('weight: 2', 'weight: 3'));
    assert.notEqual((await other.Describe({}, { deadlineMs })).version, version);
  });

  test('a pattern that never ends costs its own item the score, not the others, and health answers', async (t) => {
    const client = await rules(t, endless, { itemTimeoutMs: 1000 });
    const settled: string[] = [];
    const batch = client
      .Score({ items: itemsOf(['aaa', trap, 'b', trap, 'a']) }, { deadlineMs })
      .finally(() => settled.push('batch'));
    assert.equal(await checkHealth(client.target, deadlineMs), 'SERVING');
    settled.push('health');
    const { results } = await batch;
    assert.deepEqual(settled, ['health', 'batch']);
    const error = {
      message: 'the rules took longer than 1000 ms; does a pattern backtrack catastrophically?',
      retryable: false,
    };
    assert.deepEqual(
      results.map((result) => result.score ?? result.error),
      [1, error, 0, error, 1],
    );
    assert.deepEqual(await scores(client, ['aa', 'c']), [1, 0], 'the new thread scores');
  });

  test('a prompt without a right answer has no score; the other items have theirs', async (t) => {
    const client = await rules(t, "objective: x\nrules: [{ kind: exact, answers: { 'p': yes } }]");
    const items = ['p', 'q', 'p'].map((prompt, i) => ({ id: `${i}`, prompt, completion: 'Yes' }));
    const { results } = await client.Score({ items }, { deadlineMs });
    const message = 'the prompt has no right answer; add one to answers, references or its metadata';
    assert.deepEqual(
      results.map((result) => result.score ?? result.error),
      [1, { message, retryable: false }, 1],
    );
  });

  test("the call's deadline stops a pattern that never ends", async (t) => {
    const client = await rules(t, endless, { itemTimeoutMs: 60_000 });
    await assert.rejects(client.Score({ items: itemsOf([trap]) }, { deadlineMs: 300 }), { code: 'DEADLINE_EXCEEDED' });
    assert.deepEqual(await scores(client, ['aa', 'c']), [1, 0], 'the new thread scores');
  });

  test('concurrent calls each get their own scores, even if one is stuck', async (t) => {
    const client = await rules(t, endless, { itemTimeoutMs: 1000 });
    const [stuck, sound] = await Promise.all([scores(client, [trap, 'a']), scores(client, ['b', 'a', 'aa'])]);
    assert.deepEqual(stuck, [undefined, 1]);
    assert.deepEqual(sound, [0, 1, 1]);
  });
});

describe('an invalid file of rules', () => {
  const refused: readonly (readonly [string, string, RegExp])[] = [
    [
      'an unknown key',
      `objective: x\nrules: [{ kind: regex, patern: a }]`,
      /:2:24 rules\[0\]\.patern: .*did you mean "pattern"/,
    ],
    [
      'a broken pattern',
      `objective: x\nrules: [{ kind: regex, pattern: '(' }]`,
      /rules\[0\]\.pattern: found string "\(", expected a regular expression \(Unterminated group\)/,
    ],
    ['an unknown kind', `objective: x\nrules: [{ kind: lenght }]`, /rules\[0\]\.kind/],
    [
      'a flag that carries state',
      `objective: x\nrules: [{ kind: regex, pattern: a, flags: g }]`,
      /rules\[0\]\.flags: .*flags out of i, m, s, u and v/,
    ],
    [
      'a weight that is not finite',
      `objective: x\nrules: [{ kind: repetition, weight: .inf }]`,
      /rules\[0\]\.weight: found number \.inf/,
    ],
    ['no rules', `objective: x\nrules: []`, /rules: found an empty list/],
    ['no objective', `rules: [{ kind: repetition }]`, /objective: found nothing/],
  ];
  for (const [what, yaml, message] of refused) {
    test(`${what} is an error with its place`, async (t) => {
      await assert.rejects(scorer(t, yaml), { name: 'ConfigError', message });
    });
  }
});
