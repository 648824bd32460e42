/** For tests: a reward service on a free port, which is stopped after the test. */
import { type Client, connect, serve } from '@gapo/rpc';
import type { Owner } from '@gapo/service/testing';
import type { ScoreItem, Scorer } from './scorer.js';
import { rewardService } from './service.js';

/** A client of a reward service. */
export type RewardClient = Client<'gapo.reward.v1.RewardService'>;

/** Returns a completion of a prompt that is one text, with the prompt's other columns. */
export function oneTurn(prompt: string, completion: string, metadata: ScoreItem['metadata'] = {}): ScoreItem {
  return { prompt, completion, metadata, turns: [{ role: 'user', content: prompt }] };
}

/** Serves a scorer, and closes it after the test. */
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
