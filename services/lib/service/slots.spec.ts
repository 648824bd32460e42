/** Limits on concurrent work. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Slots } from './mod.js';

const never = new AbortController().signal;

test('work waits for a slot, first come, first served, unless its signal aborts', async () => {
  const slots = new Slots(1);
  const order: string[] = [];
  const ends: (() => void)[] = [];
  const held = (name: string, signal = never): Promise<void> =>
    slots.run(signal, () => {
      order.push(name);
      return new Promise((resolve) => ends.push(resolve));
    });
  const first = held('first');
  const leaving = new AbortController();
  const left = held('left', leaving.signal);
  const second = held('second');
  await turn();
  assert.deepEqual([order, slots.load], [['first'], 3]);
  leaving.abort(new Error('gone'));
  await assert.rejects(left, /^Error: gone$/);
  ends[0]?.();
  await first;
  await turn();
  assert.deepEqual([order, slots.load], [['first', 'second'], 1]);
  ends[1]?.();
  await second;
  assert.equal(slots.load, 0);
});

test('a stream holds its slot until it has ended, also one that is left or fails', async () => {
  const slots = new Slots(1);
  async function* numbers(): AsyncGenerator<number> {
    yield 1;
    yield 2;
    await turn();
    throw new Error('no more');
  }
  const whole: number[] = [];
  await assert.rejects(async () => {
    for await (const number of slots.stream(never, numbers)) {
      assert.equal(slots.load, 1);
      whole.push(number);
    }
  }, /^Error: no more$/);
  assert.deepEqual([whole, slots.load], [[1, 2], 0]);
  for await (const number of slots.stream(never, numbers)) if (number === 1) break;
  assert.equal(slots.load, 0);
});
