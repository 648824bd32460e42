/** The coordinator's process: starts and stops the event bus, worker pools, server and runs. */
import { existsSync } from 'node:fs';
import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { openAccess } from '@gapo/access';
import { connectEvents, connectOptionsOf } from '@gapo/events';
import { RpcError, serve } from '@gapo/rpc';
import { runService, UserError } from '@gapo/service';
import { openArchive } from './archive/openArchive.js';
import { openToEverybody, trainingAdmission } from './callers.js';
import { createPlatform } from './runs/platform.js';
import { Runs } from './runs/runs.js';
import { coordinatorServices } from './server.js';
import { coordinatorSettings, help } from './settings.js';

/** Time after the grace period for steps in progress, for checkpoints, final responses and final events. */
const stopMarginMs = 15_000;

/** Grace period for calls in flight once the runs have stopped. */
const callsGraceMs = 2000;

await runService({
  name: 'gapo-coordinator',
  heap: 'tensors',
  help,
  async start({ log }) {
    const settings = coordinatorSettings();
    const graceMs = settings.STOP_GRACE_SECONDS * 1000;
    if (settings.NATS_URL === undefined) log.info('NATS_URL is not set: events stay in this process');
    const bus = await connectEvents({ source: 'gapo/coordinator', mayBeDown: true, ...connectOptionsOf(settings) });
    const platform = createPlatform(settings, bus, log);
    const missing = settings.PROJECT_DIRS?.filter((path) => !existsSync(path)) ?? [];
    if (missing.length > 0)
      log.warn(`PROJECT_DIRS: ${missing.join(', ')} does not exist (directories are separated by commas)`);
    const access = await openAccess(settings, log);
    if (access === undefined) log.info('TOKENS_FILE is not set: everybody who can connect may create and change runs');
    const open = access && openToEverybody(settings.LISTEN);
    if (open !== undefined) log.warn(open);
    const opened: { runs?: Runs } = {};
    const server = await serve({
      address: settings.LISTEN,
      services: coordinatorServices(() => opened.runs, platform),
      // Not before the runs are open, which takes seconds with hundreds of them.
      serving: false,
      admission: access && trainingAdmission(access),
      shutdownGraceMs: callsGraceMs,
    }).catch((error: unknown) => {
      throw error instanceof RpcError ? new UserError(`LISTEN: ${error.details}`, { cause: error }) : error;
    });
    const runs = await Runs.open(platform, settings.DATA_DIR, await openArchive(settings, log));
    opened.runs = runs;
    server.setServing(true);
    void runs.continueRuns();
    return {
      address: server.address,
      done: runs.lost,
      stopTimeoutMs: graceMs + stopMarginMs,
      async stop() {
        // The server stops after the runs: workers fetch versions while the steps in progress finish.
        await runs.stop(graceMs);
        // Lets watchers see that their runs have paused before their calls end.
        await eventLoopTurn();
        await server.stop();
        platform.rollout.close();
        platform.gradient.close();
        platform.data.close();
        await bus.close();
      },
    };
  },
});
