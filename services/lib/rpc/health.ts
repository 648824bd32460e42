// Health checks of servers, with errors that say why a server is not ready.
import { setTimeout as delay } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import { service as healthDefinition } from 'grpc-health-check';
import { shareChannel, type ChannelShare } from './channel.js';
import { RpcError } from './error.js';

/** The status that grpc.health.v1 returns. */
export type ServingStatus = 'SERVING' | 'NOT_SERVING' | 'UNKNOWN' | 'SERVICE_UNKNOWN';

/** How an error of {@link waitForReady} names the server. */
export interface Subject {
  /**
   * The server, such as `reward service 'helpful'`.
   * @default 'the server'
   */
  what?: string;
  /** Where its address is configured, such as `objectives[0].address in run.yaml`. */
  setting?: string;
}

type Check = (
  request: { service: string },
  options: grpc.CallOptions,
  callback: (error: grpc.ServiceError | null, response?: { status: ServingStatus }) => void,
) => grpc.ClientUnaryCall;

const HealthStub = grpc.makeGenericClientConstructor(healthDefinition, 'grpc.health.v1.Health');

function check(share: ChannelShare, target: string, deadlineMs: number, service: string): Promise<ServingStatus> {
  const stub = new HealthStub(target, grpc.credentials.createInsecure(), { channelOverride: share.channel });
  const call = (stub as unknown as { Check: Check }).Check.bind(stub);
  return new Promise((resolve, reject) => {
    call({ service }, { deadline: Date.now() + deadlineMs }, (error, response) => {
      if (error === null) resolve(response?.status ?? 'UNKNOWN');
      else reject(RpcError.from(error, { service: 'grpc.health.v1.Health', method: 'Check', target }));
    });
  });
}

/**
 * Returns the health of a server.
 *
 * @param deadlineMs milliseconds to wait for the response
 * @param service a service's full name, or '' for the whole server
 * @throws RpcError UNAVAILABLE if nothing answers, UNIMPLEMENTED if the server has no health service, NOT_FOUND if it does not
 *   know the service
 */
export async function checkHealth(target: string, deadlineMs: number, service = ''): Promise<ServingStatus> {
  const share = shareChannel(target, service);
  try {
    return await check(share, target, deadlineMs, service);
  } finally {
    share.release();
  }
}

function reasonOf(error: RpcError): string {
  return error.code === 'DEADLINE_EXCEEDED' ? 'no answer in time' : error.details;
}

/** The first and the longest delay between checks, in milliseconds. */
const [firstPauseMs, longestPauseMs] = [50, 500];

/**
 * Resolves when the server at a target is SERVING. A server without a health service counts as ready once it answers at all.
 *
 * @param deadlineMs total milliseconds to wait
 * @throws RpcError UNAVAILABLE with one line that says which server does not answer, where, why, and what to do
 */
export async function waitForReady(target: string, deadlineMs: number, subject: Subject = {}): Promise<void> {
  const { what = 'the server', setting } = subject;
  const end = performance.now() + deadlineMs;
  const share = shareChannel(target);
  let why: string | undefined;
  let cause: RpcError | undefined;
  try {
    for (let pause = firstPauseMs; ; pause = Math.min(pause * 2, longestPauseMs)) {
      const left = end - performance.now();
      if (left <= 0) break;
      try {
        const status = await check(share, target, left, '');
        if (status === 'SERVING') return;
        why = `it answers ${status}: it is starting or stopping`;
        cause = undefined;
      } catch (error) {
        const failed = RpcError.from(error);
        if (failed.code === 'UNIMPLEMENTED') return;
        // A deadline exceeded at the end of the wait says less than the error found before it.
        if (why === undefined || failed.code !== 'DEADLINE_EXCEEDED') [why, cause] = [reasonOf(failed), failed];
      }
      await delay(Math.max(Math.min(pause, end - performance.now()), 0));
    }
  } finally {
    share.release();
  }
  const correct = setting === undefined ? 'correct its address' : `correct ${setting}`;
  throw new RpcError(
    'UNAVAILABLE',
    `${what} at ${target} does not answer: ${why ?? 'no time was left to ask'}; start it or ${correct}`,
    { cause },
  );
}
