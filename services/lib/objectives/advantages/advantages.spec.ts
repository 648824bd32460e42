import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, f64, NonFiniteError } from '@gapo/numeric';
import fc from 'fast-check';
import { assertClose } from '../gram/sampleGradients.fixture.js';
import { centeredAdvantages, gaeAdvantages, groupNormalizedAdvantages, rlooAdvantages, whiten } from '../mod.js';

const number = fc.double({ min: -100, max: 100, noNaN: true });
const objective = 'helpful';

test('RLOO subtracts the mean of the others of the prompt', () => {
  const advantages = rlooAdvantages({ objective, rewards: [1, 10, 2, 6, 20], groups: [7, 3, 7, 7, 3] });
  [1 - 4, 10 - 20, 2 - 3.5, 6 - 1.5, 20 - 10].forEach((expected, i) =>
    assertClose(f64(advantages, i), expected, 1e-14),
  );
});

test('RLOO advantages of a prompt sum to zero and ignore what all its completions share', () => {
  const group = fc.array(number, { minLength: 2, maxLength: 8 });
  fc.assert(
    fc.property(fc.array(group, { minLength: 1, maxLength: 6 }), number, (prompts, shift) => {
      const rewards = prompts.flat();
      const groups = prompts.flatMap((list, prompt) => list.map(() => prompt));
      const advantages = rlooAdvantages({ objective, rewards, groups });
      const shifted = rlooAdvantages({ objective, rewards: rewards.map((r) => r + shift), groups });
      prompts.forEach((_, prompt) => {
        assertClose(
          advantages.reduce((sum, a, i) => sum + (groups[i] === prompt ? a : 0), 0),
          0,
          1e-11,
        );
      });
      rewards.forEach((reward, i) => {
        const others = rewards.filter((_, j) => j !== i && groups[j] === groups[i]);
        assertClose(f64(advantages, i), reward - others.reduce((sum, r) => sum + r, 0) / others.length, 1e-11);
        assertClose(f64(shifted, i), f64(advantages, i), 1e-11);
      });
    }),
  );
});

test('RLOO refuses a prompt with one completion, and says what to do', () => {
  assert.throws(
    () => rlooAdvantages({ objective, rewards: [1, 2, 3], groups: [0, 0, 4] }),
    /helpful: prompt 4 has one completion.*draw more samples.*leave this prompt out.*GAE/,
  );
  assert.throws(() => rlooAdvantages({ objective, rewards: [1], groups: [0, 0] }), /1 rewards but 2 group indices/);
  assert.throws(() => rlooAdvantages({ objective, rewards: [1, NaN], groups: [0, 0] }), NonFiniteError);
  assert.equal(rlooAdvantages({ objective, rewards: [], groups: [] }).length, 0);
});

/** GAE by its definition: a sum over all later temporal differences. */
function gaeByDefinition(
  values: readonly number[],
  rewards: readonly number[],
  gamma: number,
  lambda: number,
): number[] {
  return values.map((_, t) => {
    let sum = 0;
    for (let k = t; k < values.length; k++) {
      const delta = at(rewards, k) + gamma * (values[k + 1] ?? 0) - at(values, k);
      sum += (gamma * lambda) ** (k - t) * delta;
    }
    return sum;
  });
}

test('GAE equals the double sum of its definition, row by row, and is 0 past each length', () => {
  const width = 12;
  const row = fc.record({
    length: fc.nat(width),
    reward: number,
    values: fc.array(number, { minLength: width, maxLength: width }),
    tokenRewards: fc.array(number, { minLength: width, maxLength: width }),
  });
  const fraction = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 5 }), fraction, fraction, fc.boolean(), (rows, gamma, lambda, perToken) => {
      const result = gaeAdvantages({
        objective,
        width,
        lengths: rows.map((r) => r.length),
        rewards: rows.map((r) => r.reward),
        // Padding may contain anything.
        values: rows.flatMap((r) => r.values.map((v, t) => (t < r.length ? v : NaN))),
        ...(perToken ? { tokenRewards: rows.flatMap((r) => r.tokenRewards) } : {}),
        gamma,
        lambda,
      });
      rows.forEach((r, i) => {
        const rewards = r.tokenRewards
          .slice(0, r.length)
          .map((x, t) => (perToken ? x : 0) + (t === r.length - 1 ? r.reward : 0));
        const expected = gaeByDefinition(r.values.slice(0, r.length), rewards, gamma, lambda);
        for (let t = 0; t < width; t++) {
          const [advantage, target] = [f64(result.advantages, i * width + t), f64(result.returns, i * width + t)];
          if (t < r.length) {
            assertClose(advantage, at(expected, t), 1e-9);
            assertClose(target, at(expected, t) + at(r.values, t), 1e-9);
          } else assert.deepEqual([advantage, target], [0, 0]);
        }
      });
    }),
  );
});

test('with γ = λ = 1 an advantage is the reward less the value; defaults are 1 and 0.95', () => {
  const input = { objective, width: 3, lengths: [3], values: [0.1, 0.2, 0.4], rewards: [1] };
  [0.9, 0.8, 0.6].forEach((expected, t) =>
    assertClose(f64(gaeAdvantages({ ...input, lambda: 1 }).advantages, t), expected, 1e-15),
  );
  // δ = 0.1, 0.2, 0.6: A_1 = 0.2 + 0.95·0.6 = 0.77, A_0 = 0.1 + 0.95·0.77 = 0.8315
  [0.8315, 0.77, 0.6].forEach((expected, t) => assertClose(f64(gaeAdvantages(input).advantages, t), expected, 1e-15));
});

test('GAE refuses shapes and numbers that do not fit, and takes empty completions', () => {
  const input = { objective, width: 2, lengths: [2], values: [0, 0], rewards: [1] };
  assert.throws(() => gaeAdvantages({ ...input, values: [0] }), /helpful: values: 1 numbers, expected 1 rows of 2 = 2/);
  assert.throws(() => gaeAdvantages({ ...input, lengths: [3] }), /completion 0 has length 3, expected .* 0 to 2/);
  assert.throws(() => gaeAdvantages({ ...input, rewards: [] }), /0 rewards for 1 completions/);
  assert.throws(() => gaeAdvantages({ ...input, gamma: 1.1 }), /gamma is 1.1/);
  assert.throws(() => gaeAdvantages({ ...input, lambda: NaN }), /lambda is NaN/);
  assert.throws(() => gaeAdvantages({ ...input, rewards: [Infinity] }), NonFiniteError);
  assert.throws(() => gaeAdvantages({ ...input, values: [0, NaN] }), NonFiniteError);
  assert.deepEqual([...gaeAdvantages({ ...input, lengths: [0] }).advantages], [0, 0]);
});

test('whitened advantages have mean 0 and deviation 1 over the real tokens of the whole batch', () => {
  const layout = { width: 3, lengths: [3, 0, 2] };
  const { values, mean, std } = whiten(objective, [1, 2, 3, NaN, NaN, NaN, 4, 10, NaN], { layout });
  assert.equal(mean, 4);
  assertClose(std, Math.sqrt((9 + 4 + 1 + 0 + 36) / 5), 1e-15);
  [-3, -2, -1, 0, 0, 0, 0, 6, 0].forEach((centred, i) => assertClose(f64(values, i), centred / std, 1e-15));
});

test('whitening cancels scale and offset', () => {
  fc.assert(
    fc.property(fc.array(number, { minLength: 2, maxLength: 30 }), number, (advantages, offset) => {
      const one = whiten(objective, advantages);
      fc.pre(one.std > 1e-3);
      const other = whiten(
        objective,
        advantages.map((a) => 1000 * a + offset),
      );
      one.values.forEach((value, i) => assertClose(f64(other.values, i), value, 1e-8));
      assertClose(whiten(objective, one.values).std, 1, 1e-9);
    }),
  );
});

test('advantages that are all alike become about 0, never noise of size 1', () => {
  whiten(objective, new Array<number>(7).fill(0.1)).values.forEach((value) => assertClose(value, 0, 1e-7));
  whiten(objective, [1, 1 + 1e-12], { floor: 1e-6 }).values.forEach((value) => assertClose(value, 0, 1e-5));
  assert.deepEqual(whiten(objective, []), { values: new Float64Array(0), mean: 0, std: 0 });
  assert.throws(() => whiten(objective, [1, NaN]), NonFiniteError);
  assert.throws(() => whiten(objective, [1e200, -1e200]), /variance of the advantages overflows/);
  assert.throws(() => whiten(objective, [1], { floor: 0 }), /std floor is 0/);
});

test('equal rewards of a prompt give advantages of exactly 0, also where their sum rounds', () => {
  const equal = fc.record({
    reward: fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
    count: fc.integer({ min: 2, max: 9 }),
  });
  fc.assert(
    fc.property(fc.array(equal, { minLength: 1, maxLength: 4 }), (prompts) => {
      const rewards = prompts.flatMap(({ reward, count }) => new Array<number>(count).fill(reward));
      const groups = prompts.flatMap(({ count }, group) => new Array<number>(count).fill(group));
      for (const estimate of [rlooAdvantages, groupNormalizedAdvantages, centeredAdvantages])
        assert.ok(estimate({ objective, rewards, groups }).every((advantage) => advantage === 0));
    }),
  );
});

test('group-normalised advantages: mean 0 and deviation 1 in every group, whatever the scale of the rewards', () => {
  const group = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 2, maxLength: 6 });
  fc.assert(
    fc.property(fc.array(group, { minLength: 1, maxLength: 5 }), (lists) => {
      const rewards = lists.flat();
      const groups = lists.flatMap((list, g) => list.map(() => g));
      const advantages = groupNormalizedAdvantages({ objective: 'o', rewards, groups });
      lists.forEach((list, g) => {
        const own = [...advantages].filter((_, i) => groups[i] === g);
        const sum = own.reduce((total, a) => total + a, 0);
        const squares = own.reduce((total, a) => total + a * a, 0) / own.length;
        assert.ok(Math.abs(sum) < 1e-10);
        const spread = new Set(list).size > 1;
        assert.ok(Math.abs(squares - (spread ? 1 : 0)) < 1e-10);
      });
    }),
  );
  const input = { objective: 'o', rewards: [1, 1 + 1e-9], groups: [4, 4] };
  assert.ok(Math.abs(f64(groupNormalizedAdvantages(input), 1) - 5e-6) < 1e-9, 'the floor keeps noise small');
  assert.ok(f64(groupNormalizedAdvantages(input, { floor: 1e-12 }), 1) > 0.99);
  assert.throws(() => groupNormalizedAdvantages(input, { floor: 0 }), /std floor is 0/);
  assert.throws(() => groupNormalizedAdvantages({ ...input, groups: [1, 2] }), /prompt 1 has one completion/);
  assert.throws(() => groupNormalizedAdvantages({ ...input, rewards: [1, NaN] }), NonFiniteError);
  assert.throws(() => groupNormalizedAdvantages({ ...input, rewards: [1] }), /1 rewards but 2 group indices/);
  assert.throws(() => groupNormalizedAdvantages({ ...input, rewards: [1e300, -1e300] }), /variance .* overflows/);
});
