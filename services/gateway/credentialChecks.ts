/**
 * Ends event streams whose readers' tokens are no longer valid. The coordinator ends the streams that it sends itself. Events from NATS do
 * not pass through it, so it is asked again, once for all streams of a token.
 */
import { setMaxListeners } from 'node:events';
import { RpcError, type RpcCode } from '@gapo/rpc';
import type { Credentials } from './runsApi.js';

/** Interval of checks for a token with open streams, in milliseconds: as often as the coordinator reads its own token file. */
const defaultEveryMs = 5000;

/** The coordinator's codes for a token that is no longer valid. Other failures say nothing about the token. */
const refusals: readonly RpcCode[] = ['UNAUTHENTICATED', 'PERMISSION_DENIED'];

interface Held {
  readonly ended: AbortController;
  streams: number;
}

/** Watches the tokens of open streams. */
export class CredentialChecks {
  readonly #ask: (runId: string, metadata: Credentials) => Promise<unknown>;
  readonly #everyMs: number;
  /** By token. */
  readonly #held = new Map<string, Held>();

  /** @param ask a call that the coordinator allows every reader of a run */
  constructor(ask: (runId: string, metadata: Credentials) => Promise<unknown>, everyMs = defaultEveryMs) {
    this.#ask = ask;
    this.#everyMs = everyMs;
  }

  /**
   * Returns a signal that aborts once the coordinator refuses the reader of a stream; never for a reader without a token.
   *
   * @param closed aborts when the stream has ended
   */
  hold(runId: string, metadata: Credentials, closed: AbortSignal): AbortSignal {
    const key = metadata['authorization'];
    if (key === undefined) return new AbortController().signal;
    const held = this.#held.get(key) ?? this.#watch(key, runId, metadata);
    held.streams += 1;
    const release = (): void => {
      held.streams -= 1;
      if (held.streams === 0 && this.#held.get(key) === held) this.#held.delete(key);
    };
    if (closed.aborted) release();
    else closed.addEventListener('abort', release, { once: true });
    return held.ended.signal;
  }

  #watch(key: string, runId: string, metadata: Credentials): Held {
    const held: Held = { ended: new AbortController(), streams: 0 };
    setMaxListeners(0, held.ended.signal);
    this.#held.set(key, held);
    const check = async (): Promise<void> => {
      if (held.streams === 0) return;
      try {
        await this.#ask(runId, metadata);
      } catch (error) {
        const refusal = RpcError.from(error);
        if (refusals.includes(refusal.code)) {
          this.#held.delete(key);
          held.ended.abort(refusal);
          return;
        }
      }
      plan();
    };
    const plan = (): void => void setTimeout(() => void check(), this.#everyMs).unref();
    plan();
    return held;
  }
}
