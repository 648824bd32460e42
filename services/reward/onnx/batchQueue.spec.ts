/** Which sequences run together, and when, using the test's own clock. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { BatchQueue, type Waiting } from './batchQueue.js';

const models = [{ name: 'a' }, { name: 'b' }] as const;

interface Entry extends Waiting {
  readonly id: number;
}

const entry = (id: number, since: number, length = 16, call: object = {}, model: object = models[0]): Entry => ({
  id,
  since,
  length,
  call,
  model,
});

const idsOf = (next: ReturnType<BatchQueue<Entry>['take']>): number[] | undefined =>
  next !== undefined && 'batch' in next ? next.batch.map(({ id }) => id) : undefined;

const rows = (most: number) => (): number => most;

describe('the queue', () => {
  test('a lone sequence waits for others exactly as long as it may', () => {
    const queue = new BatchQueue<Entry>(5);
    assert.equal(queue.take(100, rows(4)), undefined);
    queue.add([entry(0, 100)]);
    assert.deepEqual(queue.take(100, rows(4)), { afterMs: 5 });
    assert.deepEqual(queue.take(104.5, rows(4)), { afterMs: 0.5 });
    assert.deepEqual(idsOf(queue.take(105, rows(4))), [0]);
    assert.equal(queue.size, 0);
  });

  test('a later sequence shares its run, and does not make it wait longer', () => {
    const queue = new BatchQueue<Entry>(5);
    queue.add([entry(0, 100)]);
    queue.add([entry(1, 104), entry(2, 104, 32)]);
    assert.deepEqual(queue.take(104, rows(4)), { afterMs: 1 });
    assert.deepEqual(idsOf(queue.take(105, rows(4))), [0, 1]);
    assert.deepEqual(queue.take(105, rows(4)), { afterMs: 4 });
  });

  test('a full run does not wait, even if older sequences do', () => {
    const queue = new BatchQueue<Entry>(5);
    queue.add([entry(0, 100, 32), entry(1, 100), entry(2, 100), entry(3, 100)]);
    assert.deepEqual(idsOf(queue.take(100, rows(3))), [1, 2, 3]);
    assert.deepEqual(queue.take(100, rows(3)), { afterMs: 5 });
  });

  test('the oldest sequence is next even if another run would be fuller', () => {
    const queue = new BatchQueue<Entry>(5);
    queue.add([entry(0, 100, 32), entry(1, 101), entry(2, 101), entry(3, 101)]);
    assert.deepEqual(idsOf(queue.take(110, rows(4))), [0]);
  });

  test('a cancelled call leaves the queue, and nothing else does', () => {
    const queue = new BatchQueue<Entry>(0);
    const call = {};
    queue.add([entry(0, 1), entry(1, 1, 16, call), entry(2, 1), entry(3, 1, 48, call)]);
    queue.remove(call);
    assert.deepEqual(idsOf(queue.take(1, rows(9))), [0, 2]);
    assert.equal(queue.take(1, rows(9)), undefined);
  });

  test('every sequence runs once, in a run of one model and one length, in order of arrival', () => {
    const waiting = fc.array(
      fc.record({ length: fc.constantFrom(16, 32, 48), model: fc.constantFrom(...models), gap: fc.nat(3) }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(waiting, fc.integer({ min: 1, max: 7 }), fc.nat(4), (given, most, waitMs) => {
        const queue = new BatchQueue<Entry>(waitMs);
        let now = 0;
        const entries = given.map(({ length, model, gap }, id) => entry(id, (now += gap), length, {}, model));
        queue.add(entries);
        now += waitMs;
        const left = new Set(entries);
        for (;;) {
          const next = queue.take(now, rows(most));
          if (next === undefined) break;
          assert.ok('batch' in next, 'all have waited long enough');
          const [first] = next.batch;
          assert.equal(first, [...left][0], 'the oldest comes first');
          const same = [...left].filter(({ model, length }) => model === first.model && length === first.length);
          assert.deepEqual(next.batch, same.slice(0, most));
          for (const taken of next.batch) left.delete(taken);
        }
        assert.equal(left.size, 0);
      }),
    );
  });
});
