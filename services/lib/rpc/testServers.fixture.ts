// Real servers on free ports for the tests of this package, stopped at the end of each test.
import type { TestContext } from 'node:test';
import { connect, implement, serve, type Client, type Handlers, type RunningServer, type ServeOptions } from './mod.js';

type Reward = 'gapo.reward.v1.RewardService';
type Policy = 'gapo.policy.v1.PolicyService';

/** A promise with its resolve function. */
export interface Deferred<T> {
  promise: Promise<T>;
  resolve: (value: T) => void;
}

export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

type Extra = Partial<Omit<ServeOptions, 'services'>>;

async function start(t: TestContext, options: ServeOptions): Promise<RunningServer> {
  const server = await serve({ shutdownGraceMs: 0, ...options });
  t.after(() => server.stop());
  return server;
}

const describeNothing: Handlers<Reward>['Describe'] = async () => ({ objective: 'none' });
const scoreNothing: Handlers<Reward>['Score'] = async () => ({ results: [] });

/** Starts a reward service with the given handlers. Returns it with a client. */
export async function rewardServer(
  t: TestContext,
  handlers: Partial<Handlers<Reward>>,
  extra: Extra = {},
): Promise<{ server: RunningServer; client: Client<Reward> }> {
  const service = implement('gapo.reward.v1.RewardService', {
    Describe: describeNothing,
    Score: scoreNothing,
    ...handlers,
  });
  const server = await start(t, { address: '127.0.0.1:0', services: [service], ...extra });
  const client = connect('gapo.reward.v1.RewardService', server.address);
  t.after(() => client.close());
  return { server, client };
}

/** Starts a policy service with the given handler of GetVersion. Returns it with a client. */
export async function policyServer(
  t: TestContext,
  getVersion: Handlers<Policy>['GetVersion'],
  extra: Extra & { endOnStop?: boolean } = {},
): Promise<{ server: RunningServer; client: Client<Policy> }> {
  const { endOnStop = false, ...options } = extra;
  const service = implement(
    'gapo.policy.v1.PolicyService',
    { GetVersion: getVersion },
    { endOnStop: endOnStop ? ['GetVersion'] : [] },
  );
  const server = await start(t, { address: '127.0.0.1:0', services: [service], ...options });
  const client = connect('gapo.policy.v1.PolicyService', server.address);
  t.after(() => client.close());
  return { server, client };
}
