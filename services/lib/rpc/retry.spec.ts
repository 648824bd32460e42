// Retries: only transient failures, a limited number of times, with growing and reproducible
// delays.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RpcError, retry, retryDelayMs, retryableCodes } from './mod.js';

const policy = { attempts: 4, baseDelayMs: 1, maxDelayMs: 4 };

test('a call that fails twice with a passing failure is made three times', async () => {
  const seen: number[] = [];
  const delays: number[] = [];
  const result = await retry(
    async (attempt) => {
      seen.push(attempt);
      if (attempt < 3) throw new RpcError('UNAVAILABLE', 'not yet');
      return 'done';
    },
    { ...policy, onRetry: ({ delayMs }) => delays.push(delayMs) },
  );
  assert.equal(result, 'done');
  assert.deepEqual(seen, [1, 2, 3]);
  assert.deepEqual(delays, [retryDelayMs(policy, 1), retryDelayMs(policy, 2)]);
});

test('the last failure is thrown after all attempts, any other failure at once', async () => {
  let calls = 0;
  const failing = (code: 'UNAVAILABLE' | 'INVALID_ARGUMENT') => async (): Promise<never> => {
    calls += 1;
    throw new RpcError(code, `failure ${calls}`);
  };
  await assert.rejects(retry(failing('UNAVAILABLE'), policy), { details: 'failure 4' });
  calls = 0;
  await assert.rejects(retry(failing('INVALID_ARGUMENT'), policy), { code: 'INVALID_ARGUMENT', details: 'failure 1' });
  await assert.rejects(
    retry(async () => 1, { ...policy, attempts: 0 }),
    RangeError,
  );
});

test('a signal ends the pause', async () => {
  const controller = new AbortController();
  const slow = { attempts: 2, baseDelayMs: 1e6, maxDelayMs: 1e6, signal: controller.signal };
  const waiting = retry(
    async () => {
      throw new RpcError('UNAVAILABLE', 'down');
    },
    { ...slow, onRetry: () => setImmediate(() => controller.abort()) },
  );
  await assert.rejects(waiting, { name: 'RpcError', code: 'CANCELLED' });
});

test('delays lie between half and all of the doubled base, up to the longest, and depend on the seed', () => {
  const long = { baseDelayMs: 100, maxDelayMs: 1000 };
  for (let attempt = 1; attempt <= 12; attempt += 1) {
    const whole = Math.min(100 * 2 ** (attempt - 1), 1000);
    const pauses = [0, 1, 2, 3].map((seed) => retryDelayMs({ ...long, seed }, attempt));
    for (const pause of pauses) assert.ok(pause >= whole / 2 && pause < whole, `attempt ${attempt}: ${pause}`);
    assert.equal(new Set(pauses).size, 4);
    assert.deepEqual(
      pauses,
      [0, 1, 2, 3].map((seed) => retryDelayMs({ ...long, seed }, attempt)),
    );
  }
});

test('anything that is thrown becomes an RpcError', () => {
  const grpcError = Object.assign(new Error('14 UNAVAILABLE: gone'), { code: 14, details: 'gone' });
  const cases: [unknown, string, string][] = [
    [grpcError, 'UNAVAILABLE', 'gone'],
    [new RangeError('too large'), 'INTERNAL', 'too large'],
    [AbortSignal.abort().reason, 'CANCELLED', 'This operation was aborted'],
    [new DOMException('late', 'TimeoutError'), 'DEADLINE_EXCEEDED', 'late'],
    ['text', 'UNKNOWN', 'text'],
    [undefined, 'UNKNOWN', 'undefined'],
    [Object.assign(new Error('open'), { code: 'ENOENT' }), 'INTERNAL', 'open'],
    [Object.assign(new Error('exit'), { code: 0 }), 'INTERNAL', 'exit'],
  ];
  for (const [reason, code, details] of cases) {
    const error = RpcError.from(reason, { service: 's', method: 'm', target: 't' });
    assert.deepEqual([error.code, error.details, error.cause], [code, details, reason]);
    assert.equal(error.message, `s/m at t: ${code}: ${details}`);
    assert.equal(error.retryable, retryableCodes.has(error.code));
  }
  const own = new RpcError('ABORTED', 'again');
  assert.equal(RpcError.from(own), own);
  assert.equal(own.message, 'again');
});
