/** Tokens of open streams: the coordinator is asked once for all streams of a token, and a refusal ends them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { RpcError } from '@gapo/rpc';
import { CredentialChecks } from './credentialChecks.js';
import type { Credentials } from './runsApi.js';

// The timers of the checks do not keep the process alive.
const alive = setInterval(() => undefined, 1000);
after(() => clearInterval(alive));

const ada: Credentials = { authorization: 'Bearer ada' };
const bob: Credentials = { authorization: 'Bearer bob' };

/** Answers about tokens, given by the test one at a time. */
class Coordinator {
  readonly asked: string[] = [];
  readonly #waiting: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  #onAsked: () => void = () => undefined;

  readonly ask = (runId: string, { authorization = '' }: Credentials): Promise<void> => {
    this.asked.push(`${authorization} ${runId}`);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#onAsked();
    });
  };

  /** Answers the next question. */
  async answer(error?: RpcError): Promise<void> {
    if (this.#waiting.length === 0) await new Promise<void>((resolve) => (this.#onAsked = resolve));
    const next = this.#waiting.shift() ?? assert.fail();
    if (error === undefined) next.resolve();
    else next.reject(error);
  }
}

test('a token that the coordinator refuses ends its streams; an outage ends none', async () => {
  const coordinator = new Coordinator();
  const checks = new CredentialChecks(coordinator.ask, 1);
  const closed = new AbortController();
  const first = checks.hold('one', ada, closed.signal);
  const second = checks.hold('two', ada, closed.signal);
  const open = checks.hold('one', {}, closed.signal);
  await coordinator.answer();
  await coordinator.answer(new RpcError('UNAVAILABLE', 'it restarts'));
  await coordinator.answer(new RpcError('NOT_FOUND', 'the run was removed'));
  assert.deepEqual([first.aborted, second.aborted], [false, false]);
  const ended = once(second, 'abort');
  await coordinator.answer(new RpcError('UNAUTHENTICATED', 'the token was removed'));
  await ended;
  assert.deepEqual([first.aborted, open.aborted], [true, false]);
  assert.match(String(first.reason), /the token was removed/);
  assert.deepEqual(coordinator.asked, Array<string>(4).fill('Bearer ada one'));

  // The token is valid again: its next stream is watched like the first one.
  const again = checks.hold('two', ada, closed.signal);
  const lost = once(again, 'abort');
  await coordinator.answer(new RpcError('PERMISSION_DENIED', 'it has no role'));
  await lost;
  assert.equal(coordinator.asked.at(-1), 'Bearer ada two');
});

test('a token without streams is not asked about', async () => {
  const coordinator = new Coordinator();
  const checks = new CredentialChecks(coordinator.ask, 1);
  const [closed, others] = [new AbortController(), new AbortController()];
  checks.hold('one', ada, AbortSignal.abort());
  checks.hold('one', ada, closed.signal);
  closed.abort();
  const still = checks.hold('one', bob, others.signal);
  for (let i = 0; i < 3; i++) await coordinator.answer();
  assert.equal(still.aborted, false);
  assert.deepEqual([...new Set(coordinator.asked)], ['Bearer bob one']);
  others.abort();
});
