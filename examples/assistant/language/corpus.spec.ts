/** Answers, rubric and corpora: slots that match, objectives that conflict, labels that are a little noisy. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labelledAnswers, labelTemperature, preferencePairs, pretrainingText, prompts, sftExamples } from './corpus.js';
import { Draw } from './draw.js';
import { asAnswered, combinations, combinationsOf, type Combination, type RequestKind } from './grammar.js';
import { refuses } from './refusals.js';
import { drawResponse, type ResponseKind } from './responses.js';
import { harmlessness, helpfulness, isHarmful, objectives } from './rubric.js';

const requestKinds: readonly RequestKind[] = ['benign', 'dangerous', 'sounding'];
const kindsOfResponse: readonly ResponseKind[] = [
  'full',
  'brief',
  'offtopic',
  'refusal',
  'alternative',
  'comply',
  'rude',
  'contradictory',
];

function sample(kind: RequestKind): Combination {
  const [first] = combinationsOf('training', kind);
  assert.ok(first);
  return first;
}

function judged(kind: RequestKind, response: ResponseKind, quality = 1): { helpful: number; harmless: number } {
  const one = { text: '', kind: response, quality };
  return { helpful: helpfulness(sample(kind), one), harmless: harmlessness(sample(kind), one) };
}

test('every corpus is a function of its seed, and a longer one begins with the shorter', () => {
  const makers = [pretrainingText, sftExamples, labelledAnswers] as const;
  for (const make of makers) {
    assert.deepEqual(make(7, 40), make(7, 40));
    assert.deepEqual(make(7, 60).slice(0, 40), make(7, 40));
    assert.notDeepEqual(make(8, 40), make(7, 40));
  }
  for (const objective of objectives) {
    assert.deepEqual(preferencePairs(objective, 7, 60).slice(0, 40), preferencePairs(objective, 7, 40));
  }
  assert.deepEqual(prompts('training', 7, 60).slice(0, 40), prompts('training', 7, 40));
  assert.throws(() => sftExamples(7, -1), /count: found -1, expected a whole number/);
});

test('the same seed gives the same text today as it did before', () => {
  const [first] = sftExamples(7, 1);
  assert.deepEqual(first, {
    prompt: 'Could you please tell me how to find the wiki page?',
    completion: 'It should be possible to find the wiki page from the menu.',
  });
});

test('answers fill every slot and name what was asked about', () => {
  combinations.forEach((combination, index) => {
    for (const kind of kindsOfResponse) {
      if ((kind === 'comply') !== (combination.kind === 'dangerous') && (kind === 'comply' || kind === 'full'))
        continue;
      const { text } = drawResponse(new Draw(3, `fill ${kind}`, index), combination, kind);
      assert.ok(!/[{}]|\bundefined\b|\bmy (?!time\b)|\b(open|go to) (open|go to)\b/.test(text), text);
      const words = text.split(' ').length;
      assert.ok(words >= 8 && words <= 30, `${words} words: ${text}`);
      if (kind === 'full' || kind === 'comply') {
        assert.ok(text.includes(asAnswered(combination.phrase)), text);
        assert.ok(text.includes(combination.place), text);
        assert.ok(
          combination.steps.some((step) => text.includes(step)),
          text,
        );
      }
      if (kind === 'offtopic') assert.ok(!text.includes(`${asAnswered(combination.phrase)},`), text);
    }
  });
});

test('complying and answering share their wordings, so a reward model must read what is asked', () => {
  const [benign, dangerous] = [sample('benign'), sample('dangerous')];
  for (let i = 0; i < 50; i++) {
    const full = drawResponse(new Draw(5, 'shared', i), benign, 'full').text;
    const comply = drawResponse(new Draw(5, 'shared', i), dangerous, 'comply').text;
    assert.equal(full.split(' ')[0], comply.split(' ')[0]);
  }
});

test('the objectives conflict: refusing is safest and useless, complying is useful and harmful', () => {
  for (const kind of requestKinds) {
    const answer = kind === 'dangerous' ? 'comply' : 'full';
    assert.ok(judged(kind, answer).helpful > judged(kind, 'refusal').helpful);
    assert.ok(judged(kind, answer).harmless < judged(kind, 'refusal').harmless);
  }
});

test('the rubric orders responses as people would', () => {
  const order = (kind: RequestKind, objective: 'helpful' | 'harmless', kinds: ResponseKind[]) => {
    const scores = kinds.map((response) => judged(kind, response)[objective]);
    for (const [i, score] of scores.slice(1).entries())
      assert.ok((scores[i] ?? NaN) > score, `${kind} ${objective}: ${kinds[i + 1]}`);
  };
  order('benign', 'helpful', [
    'full',
    'rude',
    'brief',
    'offtopic',
    'contradictory',
    'alternative',
    'broken',
    'refusal',
  ]);
  order('sounding', 'helpful', [
    'full',
    'rude',
    'brief',
    'offtopic',
    'contradictory',
    'alternative',
    'broken',
    'refusal',
  ]);
  order('dangerous', 'helpful', [
    'comply',
    'rudeComply',
    'brief',
    'alternative',
    'offtopic',
    'contradictory',
    'refusal',
  ]);
  order('benign', 'harmless', [
    'refusal',
    'alternative',
    'brief',
    'offtopic',
    'full',
    'contradictory',
    'broken',
    'rude',
  ]);
  order('sounding', 'harmless', [
    'refusal',
    'alternative',
    'brief',
    'offtopic',
    'full',
    'contradictory',
    'broken',
    'rude',
  ]);
  order('dangerous', 'harmless', [
    'alternative',
    'refusal',
    'offtopic',
    'brief',
    'rude',
    'contradictory',
    'comply',
    'rudeComply',
  ]);
  assert.ok(judged('benign', 'full', 1).helpful > judged('benign', 'full', 0).helpful);
});

test('the best of both: a full answer to what may be answered, a safe alternative to what may not', () => {
  const best = (kind: RequestKind, kinds: readonly ResponseKind[]) =>
    kinds.toSorted((a, b) => {
      const [left, right] = [judged(kind, a), judged(kind, b)];
      return right.helpful + right.harmless - left.helpful - left.harmless;
    })[0];
  const shared: ResponseKind[] = ['brief', 'offtopic', 'refusal', 'alternative', 'rude', 'broken'];
  assert.equal(best('benign', ['full', ...shared]), 'full');
  assert.equal(best('sounding', ['full', ...shared]), 'full');
  assert.equal(best('dangerous', ['comply', 'rudeComply', ...shared.filter((kind) => kind !== 'rude')]), 'alternative');
});

test('pairs: two different answers, never of equal rubric, with labels that are noisy within bounds', () => {
  for (const objective of objectives) {
    const pairs = preferencePairs(objective, 7, 6000);
    assert.ok(pairs.every(({ margin, chosen, rejected }) => margin !== 0 && chosen !== rejected));
    const flipped = pairs.filter(({ margin }) => margin < 0).length / pairs.length;
    const expected =
      pairs.reduce((sum, { margin }) => sum + 1 / (1 + Math.exp(Math.abs(margin) / labelTemperature)), 0) /
      pairs.length;
    assert.ok(flipped > 0.03 && flipped < 0.18, `${objective}: ${flipped}`);
    assert.ok(Math.abs(flipped - expected) < 0.015, `${objective}: ${flipped}, expected ${expected}`);
  }
});

test('harm: complying with danger and insults, nothing else', () => {
  const answers = labelledAnswers(7, 4000);
  for (const { requestKind, kind, harmful } of answers) {
    const expected =
      kind === 'comply' ||
      kind === 'rudeComply' ||
      kind === 'rude' ||
      ((kind === 'brief' || kind === 'contradictory') && requestKind === 'dangerous');
    assert.equal(harmful, expected, `${requestKind} ${kind}`);
  }
  assert.ok(!isHarmful(sample('sounding'), { text: '', kind: 'full', quality: 1 }));
});

test('prompts are distinct in words, and the splits share none, nor do pairs and examples', () => {
  const training = prompts('training', 7, 1024);
  const heldOut = prompts('heldout', 7, 256);
  assert.equal(new Set(training.map(({ prompt }) => prompt)).size, 1024);
  assert.equal(new Set(heldOut.map(({ prompt }) => prompt)).size, 256);
  assert.equal(training[0]?.id, 'training-0001');
  const heldOutPhrases = requestKinds.flatMap((kind) => combinationsOf('heldout', kind).map(({ phrase }) => phrase));
  const seen = [
    ...training.slice(0, 300).map(({ prompt }) => prompt),
    ...sftExamples(7, 300).map(({ prompt }) => prompt),
    ...preferencePairs('helpful', 7, 300).map(({ prompt }) => prompt),
  ];
  const ends = new RegExp(`\\b(${heldOutPhrases.join('|')})(?=[ ,.?!])`);
  const trainingPhrases = requestKinds.flatMap((kind) => combinationsOf('training', kind).map(({ phrase }) => phrase));
  for (const text of seen) {
    const match = ends.exec(text)?.[1];
    const longer =
      match !== undefined && trainingPhrases.some((phrase) => phrase.includes(match) && text.includes(phrase));
    assert.ok(match === undefined || longer, text);
  }
  assert.throws(() => prompts('heldout', 7, 5000), /ask for fewer/);
});

test('a refusal is recognised in every wording that says no, and in no other', () => {
  const saysNo: readonly ResponseKind[] = ['refusal', 'alternative', 'contradictory'];
  const answers = labelledAnswers(5, 6000).filter(({ kind }) => kind !== 'broken');
  assert.ok(saysNo.every((kind) => answers.filter((answer) => answer.kind === kind).length > 100));
  const wrong = answers.filter(({ kind, completion }) => refuses(completion) !== saysNo.includes(kind));
  assert.deepEqual(
    wrong.map(({ kind, completion }) => `${kind}: ${completion}`),
    [],
  );
});
