import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { at, f32 } from '../at.js';
import { adamWStep, createAdamWState } from './adamw.js';
import { NonFiniteGradientError } from './tensors.js';

const entry = fc.float({ min: -1000, max: 1000, noNaN: true });

test('the first step has the closed form lr·g/(|g| + ε), plus decay, in either direction', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ theta: entry, g: entry }), { minLength: 1, maxLength: 20 }),
      fc.constantFrom('ascend', 'descend'),
      (entries, direction) => {
        const [learningRate, weightDecay, epsilon] = [0.01, 0.1, 1e-8];
        const theta = Float32Array.from(entries, (e) => e.theta);
        const gradient = Float32Array.from(entries, (e) => e.g);
        adamWStep([theta], [gradient], createAdamWState([theta]), { learningRate, weightDecay, epsilon, direction });
        entries.forEach(({ theta: before, g }, i) => {
          if (g !== 0 && Math.abs(g) < 1e-15) return; // its square leaves float32's normal range
          const sign = direction === 'ascend' ? 1 : -1;
          const expected =
            before * (1 - learningRate * weightDecay) + (sign * learningRate * g) / (Math.abs(g) + epsilon);
          assert.ok(
            Math.abs(f32(theta, i) - expected) <= 1e-6 * Math.max(0.01, Math.abs(expected)),
            `${theta[i]} ${expected}`,
          );
        });
      },
    ),
  );
});

test('two steps agree with values worked out by hand', () => {
  // β = (0.5, 0.5), ε negligible, lr = 0.1, g = 1 then 3.
  // Step 1: m = 0.5, v = 0.5, m̂ = 1, v̂ = 1:            θ = 1 - 0.1·1           = 0.9
  // Step 2: m = 1.75, v = 4.75, m̂ = 7/3, v̂ = 19/3:      θ = 0.9 - 0.1·0.9271726 = 0.80728274
  const theta = Float32Array.of(1);
  const state = createAdamWState([theta]);
  const options = { learningRate: 0.1, direction: 'descend', betas: [0.5, 0.5], epsilon: 1e-12 } as const;
  adamWStep([theta], [Float32Array.of(1)], state, options);
  assert.ok(Math.abs(f32(theta, 0) - 0.9) < 1e-7);
  adamWStep([theta], [Float32Array.of(3)], state, options);
  assert.ok(Math.abs(f32(theta, 0) - 0.80728274) < 1e-7, String(theta[0]));
  assert.equal(state.step, 2);
  assert.equal(at(state.firstMoments, 0)[0], 1.75);
  assert.equal(at(state.secondMoments, 0)[0], 4.75);
});

test('many steps agree with the plain formulae in float64', () => {
  fc.assert(
    fc.property(fc.array(fc.array(entry, { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 30 }), (steps) => {
      const theta = Float32Array.of(0.5, -0.25, 2);
      const state = createAdamWState([theta]);
      const plain = { theta: [...theta], m: [0, 0, 0], v: [0, 0, 0] };
      steps.forEach((step, n) => {
        const g = step.map((x) => (Math.abs(x) < 1e-3 ? 0 : x));
        adamWStep([theta], [Float64Array.from(g)], state, {
          learningRate: 1e-3,
          direction: 'ascend',
          weightDecay: 0.01,
        });
        for (let i = 0; i < 3; i++) {
          plain.m[i] = 0.9 * at(plain.m, i) + 0.1 * at(g, i);
          plain.v[i] = 0.95 * at(plain.v, i) + 0.05 * at(g, i) ** 2;
          const mHat = at(plain.m, i) / (1 - 0.9 ** (n + 1));
          const vHat = at(plain.v, i) / (1 - 0.95 ** (n + 1));
          plain.theta[i] = at(plain.theta, i) - 1e-3 * 0.01 * at(plain.theta, i);
          plain.theta[i] = at(plain.theta, i) + (1e-3 * mHat) / (Math.sqrt(vHat) + 1e-8);
          assert.ok(Math.abs(f32(theta, i) - at(plain.theta, i)) < 1e-5);
        }
      });
    }),
  );
});

test('ascending a gradient equals descending its negative, bit for bit', () => {
  const [up, down] = [Float32Array.of(1, 2), Float32Array.of(1, 2)];
  const [upState, downState] = [createAdamWState([up]), createAdamWState([down])];
  for (const g of [0.3, -0.7, 11]) {
    adamWStep([up], [Float32Array.of(g, -g)], upState, { learningRate: 0.1, direction: 'ascend' });
    adamWStep([down], [Float32Array.of(-g, g)], downState, { learningRate: 0.1, direction: 'descend' });
  }
  assert.deepEqual(up, down);
});

test('a copy of the state continues bit for bit, and splitting tensors changes nothing', () => {
  const whole = Float32Array.from({ length: 10 }, (_, i) => i / 7);
  const state = createAdamWState([whole]);
  const gradient = (n: number): Float32Array => Float32Array.from({ length: 10 }, (_, i) => Math.sin(i + n));
  const options = { learningRate: 0.01, direction: 'descend', weightDecay: 0.1 } as const;
  adamWStep([whole], [gradient(0)], state, options);
  const resumed = Float32Array.from(whole);
  const restored = structuredClone(state);
  const parts = [resumed.subarray(0, 4), resumed.subarray(4)];
  const split = {
    step: restored.step,
    firstMoments: [at(restored.firstMoments, 0).subarray(0, 4), at(restored.firstMoments, 0).subarray(4)],
    secondMoments: [at(restored.secondMoments, 0).subarray(0, 4), at(restored.secondMoments, 0).subarray(4)],
  };
  for (let n = 1; n < 5; n++) {
    adamWStep([whole], [gradient(n)], state, options);
    adamWStep(parts, [gradient(n).subarray(0, 4), gradient(n).subarray(4)], split, options);
  }
  assert.deepEqual(resumed, whole);
  assert.deepEqual(restored.firstMoments, state.firstMoments);
});

test('a bad gradient or option is refused before anything changes', () => {
  const theta = Float32Array.of(1, 2);
  const state = createAdamWState([theta]);
  const options = { learningRate: 0.1, direction: 'descend' } as const;
  assert.throws(
    () => adamWStep([theta], [Float32Array.of(1, NaN)], state, options),
    (error) => error instanceof NonFiniteGradientError && error.tensor === 0 && error.index === 1,
  );
  assert.throws(() => adamWStep([theta], [Float32Array.of(1e30, 1)], state, options), /clip by the global norm/);
  assert.throws(() => adamWStep([theta], [Float32Array.of(1)], state, options), /1 elements, expected 2/);
  assert.throws(() => adamWStep([theta], [], state, options), /0 tensors, expected 1/);
  const zero = [new Float32Array(2)];
  assert.throws(() => adamWStep([theta], zero, state, { ...options, betas: [0.9, 1] }), /beta is 1/);
  assert.throws(() => adamWStep([theta], zero, state, { ...options, learningRate: NaN }), /learningRate is NaN/);
  assert.throws(() => adamWStep([theta], zero, state, { ...options, epsilon: 0 }), /epsilon is 0/);
  assert.throws(() => adamWStep([theta], zero, state, { ...options, weightDecay: 10 }), /less than 1/);
  assert.deepEqual([...theta], [1, 2]);
  assert.equal(state.step, 0);
});

test('a gradient of zeros moves nothing', () => {
  const theta = Float32Array.of(1, -2);
  const state = createAdamWState([theta]);
  adamWStep([theta], [new Float32Array(2)], state, { learningRate: 0.1, direction: 'ascend' });
  assert.deepEqual([...theta], [1, -2]);
});
