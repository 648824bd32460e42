/**
 * The process that generates the load, with the lowest priority because it shares the machine with the services it
 * measures.
 */
import { setPriority } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { sendPairs, type PairOptions, type PairReport } from './pairs.js';
import { pageWatcher, rpcWatcher, type Watched, type Watcher } from './watchers.js';

/** A task of the generator. */
export type LoadTask =
  | {
      readonly task: 'watch';
      readonly coordinator: string;
      readonly page: string;
      readonly runId: string;
      readonly watchers: number;
    }
  | ({ readonly task: 'pairs' } & PairOptions)
  /** Waits until the watchers have seen the end of the run. */
  | { readonly task: 'finish'; readonly waitMs: number };

/** Its response. */
export type LoadAnswer =
  | { readonly task: 'watch' }
  | { readonly task: 'pairs'; readonly report: PairReport }
  | { readonly task: 'finish'; readonly rpc: readonly Watched[]; readonly pages: readonly Watched[] };

/** Number of connections opened at once. */
const atOnce = 20;
const lowestPriority = 19;

setPriority(lowestPriority);
const rpc: Watcher[] = [];
const pages: Watcher[] = [];

async function carryOut(task: LoadTask): Promise<LoadAnswer> {
  switch (task.task) {
    case 'watch': {
      const { coordinator, page, runId, watchers } = task;
      while (rpc.length + pages.length < watchers) {
        const begun: Watcher[] = [];
        for (let i = 0; i < atOnce && rpc.length + pages.length < watchers; i++) {
          const [list, watcher] =
            rpc.length <= pages.length ? [rpc, rpcWatcher(coordinator, runId)] : [pages, pageWatcher(page, runId)];
          list.push(watcher);
          begun.push(watcher);
        }
        await Promise.all(begun.map(({ connected }) => connected));
      }
      return { task: 'watch' };
    }
    case 'pairs':
      return { task: 'pairs', report: await sendPairs(task) };
    case 'finish': {
      const all = [...rpc, ...pages];
      await Promise.race([Promise.all(all.map(({ done }) => done)), delay(task.waitMs)]);
      for (const watcher of all) watcher.stop();
      return { task: 'finish', rpc: rpc.map(({ watched }) => watched), pages: pages.map(({ watched }) => watched) };
    }
  }
}

process.on('message', (task: LoadTask) => {
  carryOut(task).then(
    (answer) => process.send?.(answer),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
