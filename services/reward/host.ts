/** The reward service as a process: opens what REWARD_KIND names and serves each entry's scorer at a port of its own. */
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
      const { hosted, listen, stopGraceSeconds, ...source } = settings(kinds);
      const scorers = await hosted.open(source);
      const endpoints = scorers.map((scorer, k) => ({ scorer, address: portAfter(listen, k) }));
      return { endpoints, stopGraceSeconds };
    },
  });
}

/** The address `k` ports after another one; if that has port 0, any free one. */
function portAfter(address: string, k: number): string {
  const colon = address.lastIndexOf(':');
  const port = Number(address.slice(colon + 1));
  return port === 0 ? address : `${address.slice(0, colon)}:${port + k}`;
}
