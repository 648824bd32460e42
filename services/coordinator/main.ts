/** The coordinator's process: settings, event bus, workers, runs, server; stopped in the opposite order. */
import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { connectEvents } from '@gapo/events';
import { RpcError, serve } from '@gapo/rpc';
import { runService, UserError } from '@gapo/service';
import { createPlatform } from './runs/platform.js';
import { Runs } from './runs/runs.js';
import { coordinatorServices } from './server.js';
import { coordinatorSettings, help } from './settings.js';

/** What stopping may take beyond the grace time of the steps in progress: a checkpoint, last answers, last events. */
const stopMarginMs = 15_000;

/** Calls under way when the runs have stopped are watchers and the like: they end soon. */
const callsGraceMs = 2000;

await runService({
  name: 'gapo-coordinator',
  help,
  async start({ log }) {
    const settings = coordinatorSettings();
    const graceMs = settings.STOP_GRACE_SECONDS * 1000;
    const url = settings.NATS_URL;
    if (url === undefined) log.info('NATS_URL is not set: events stay in this process');
    const source = 'gapo/coordinator';
    const bus = await connectEvents(url === undefined ? { source, inProcess: true } : { source, url });
    const platform = createPlatform(settings, bus, log);
    const opened: { runs?: Runs } = {};
    const server = await serve({
      address: settings.LISTEN,
      services: coordinatorServices(() => opened.runs, platform),
      shutdownGraceMs: callsGraceMs,
    }).catch((error: unknown) => {
      throw error instanceof RpcError ? new UserError(`LISTEN: ${error.details}`, { cause: error }) : error;
    });
    opened.runs = await Runs.open(platform, settings.DATA_DIR);
    return {
      address: server.address,
      stopTimeoutMs: graceMs + stopMarginMs,
      async stop() {
        // Workers fetch versions while the steps in progress finish, so the server stops after the runs.
        await opened.runs?.stop(graceMs);
        // Watchers are told that their runs have paused before their calls are ended.
        await eventLoopTurn();
        await server.stop();
        platform.rollout.close();
        platform.gradient.close();
        await bus.close();
      },
    };
  },
});
