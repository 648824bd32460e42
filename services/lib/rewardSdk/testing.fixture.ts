/** For tests: a reward service on a free port, stopped at the end of the test whatever happens in it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, connect, serve } from '@gapo/rpc';
import type { Scorer } from './scorer.js';
import { rewardService } from './service.js';

/** A client of a reward service. */
export type RewardClient = Client<'gapo.reward.v1.RewardService'>;

/** Where a thing that is to be closed in the end is left: a test's context, or a suite's hook. */
export interface Owner {
  after(close: () => Promise<void>): void;
}

/** Serves a scorer and closes it in the end. */
export async function served(t: Owner, scorer: Scorer): Promise<RewardClient> {
  const server = await serve({ address: '127.0.0.1:0', services: [rewardService(scorer)], shutdownGraceMs: 0 });
  const client = connect('gapo.reward.v1.RewardService', server.address);
  t.after(async () => {
    client.close();
    await server.stop();
    await scorer.close();
  });
  return client;
}

/** A directory that goes with the test. */
export async function temporaryDirectory(t: Owner): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'gapo-reward-'));
  t.after(() => rm(directory, { recursive: true }));
  return directory;
}
