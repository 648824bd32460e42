// The expected score over a token's alternatives, against hand-computed sums.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { expectedScore } from './expectedScore.js';
import { gradeOf } from './grade.js';

interface Written {
  readonly token: string;
  readonly bytes?: readonly number[] | null;
  readonly alternatives?: Readonly<Record<string, number>>;
}

/** Converts probabilities to logprobs in OpenAI's and vLLM's format. */
function logprobsOf(tokens: readonly Written[]): unknown {
  return {
    content: tokens.map(({ token, bytes, alternatives = { [token]: 1 } }) => ({
      token,
      logprob: 0,
      ...(bytes !== undefined && { bytes }),
      top_logprobs: Object.entries(alternatives).map(([each, p]) => ({
        token: each,
        logprob: Math.log(p),
        bytes: null,
      })),
    })),
  };
}

const scale = { minimum: 1, maximum: 5 };
const around = (token: string, alternatives: Record<string, number>): Written[] => [
  { token: '{"' },
  { token: 'score' },
  { token: '":' },
  { token, alternatives },
  { token: '}' },
];

function expected(tokens: readonly Written[], content = tokens.map(({ token }) => token).join('')): number {
  return expectedScore(gradeOf(content, []), content, logprobsOf(tokens), scale);
}

function near(actual: number, wanted: number): void {
  assert.ok(Math.abs(actual - wanted) < 1e-12, `${actual} is not ${wanted}`);
}

describe('the sum of p(s) s over p(s)', () => {
  test('of the whole numbers on the scale among the alternatives', () => {
    const alternatives = { ' 4': 0.5, ' 5': 0.25, ' 3': 0.05, '4': 0.1, ' 9': 0.02, ' 0': 0.03, ' four': 0.05 };
    near(expected(around(' 4', alternatives)), (4 * 0.6 + 5 * 0.25 + 3 * 0.05) / 0.9);
  });

  test('whatever the judge wrote itself', () => {
    near(expected(around('2', { '2': 0.3, '5': 0.7 })), 4.1);
    near(
      expected([{ token: '{"score": "' }, { token: '4', alternatives: { '4': 0.5, '5': 0.5 } }, { token: '"}' }]),
      4.5,
    );
  });

  test('at the place of the answer, not of a quotation or a thought', () => {
    const thought: Written[] = [{ token: '<think>' }, ...around('1', { '1': 1 }), { token: '</think>\n' }];
    const tokens = [...thought, { token: 'Not ' }, ...around('5', { '5': 1 }), { token: ', but\n' }, ...around('2', { '2': 0.75, '1': 0.25 })]; // prettier-ignore
    near(expected(tokens), 1.75);
    // A server with a reasoning parser lists the tokens of the reasoning but omits it from the
    // content.
    near(expected([...thought, ...around('2', { '2': 1 })], '{"score":2}'), 2);
  });

  test('with characters that are several tokens, and special tokens after the answer', () => {
    const [first, ...others] = Buffer.from('é');
    const tokens = [
      { token: '\ufffd', bytes: [first ?? 0] },
      { token: '\ufffd', bytes: others },
      ...around('3', { '3': 0.5, '4': 0.5 }).map((each) => ({ ...each, bytes: [...Buffer.from(each.token)] })),
      { token: '<|eot_id|>', bytes: [] },
    ];
    near(expected(tokens, 'é{"score":3}'), 3.5);
  });

  test('where a probability is 0: null, -9999 and minus infinity', () => {
    const content = '{"score":3}';
    const tokens = logprobsOf(around('3', { '3': 0.5, '4': 0.5 })) as {
      content: { top_logprobs: { token: string; logprob: number | null }[] }[];
    };
    tokens.content[3]?.top_logprobs.push({ token: '1', logprob: null }, { token: '2', logprob: -9999 }, { token: '5', logprob: -Infinity }); // prettier-ignore
    near(expectedScore(gradeOf(content, []), content, tokens, scale), 3.5);
  });
});

describe('an error of the item', () => {
  const fails = (run: () => number, message: RegExp): void => void assert.throws(run, { name: 'NoScore', message });

  test('too little mass on the scale', () => {
    fails(() => expected(around('4', { '4': 0.3, '9': 0.3, x: 0.4 })), /from 1 to 5 have a probability of 0\.300 together; expected at least 0\.5/); // prettier-ignore
    fails(() => expected(around('4', {})), /probability of 0\.000/);
  });

  test('a score of several tokens, or inside of one', () => {
    fails(
      () => expected([{ token: '{"score": ' }, { token: '4' }, { token: '.5}' }]),
      /score 4\.5; expected one digit/,
    );
    fails(() => expected([{ token: '{"score": ' }, { token: '4}' }]), /score 4 is part of the token "4\}"/);
  });

  test('no logprobs, or those of another text', () => {
    for (const none of [undefined, null, {}, { content: null }, { content: [{ token: 'x' }] }])
      fails(() => expectedScore(gradeOf('{"score": 4}', []), '{"score": 4}', none, scale), /expected logprobs with top_logprobs/); // prettier-ignore
    fails(() => expected(around('4', { '4': 1 }), '{"score": 4} '), /do not spell the judge's answer/);
    const nan = { content: [{ token: '{"score": 4}', top_logprobs: [{ token: '4', logprob: NaN }] }] };
    fails(() => expectedScore(gradeOf('{"score": 4}', []), '{"score": 4}', nan, scale), /expected logprobs/);
  });
});
