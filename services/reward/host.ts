/** The reward service as a process: opens the kind named in REWARD_KIND and serves each entry's scorer on its own port. */
import { runRewardService } from '@gapo/reward';
import type { HostedKinds } from './hostedKind.js';
import { hostedKinds } from './hostedKinds.js';
import { help, settings } from './settings.js';

/** Runs until SIGTERM or SIGINT. */
export async function hostRewards(kinds: HostedKinds = hostedKinds): Promise<void> {
  await runRewardService({
    name: 'gapo-reward',
    help: help(kinds),
    open: async () => {
      const { hosted, listen, stopGraceSeconds, textForm, ...source } = settings(kinds);
      const scorers = await hosted.open(source);
      const endpoints = scorers.map((scorer, k) => ({ scorer, textForm, address: portAfter(listen, k) }));
      return { endpoints, stopGraceSeconds };
    },
  });
}

/** Returns the address `k` ports after another one. Port 0, which means any free port, stays 0. */
function portAfter(address: string, k: number): string {
  const colon = address.lastIndexOf(':');
  const port = Number(address.slice(colon + 1));
  return port === 0 ? address : `${address.slice(0, colon)}:${port + k}`;
}
