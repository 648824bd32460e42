/** The gateway as a process: settings, events, the web page, gRPC health. */
import { rename, writeFile } from 'node:fs/promises';
import { connectEvents } from '@gapo/events';
import { RpcError, serve } from '@gapo/rpc';
import { reportAndExit, runService, UserError } from '@gapo/telemetry';
import { startGateway } from './server.js';
import { help, settings } from './settings.js';

/** Writes a file whole or not at all. */
async function writeWhole(path: string, text: string): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  await writeFile(partial, text);
  await rename(partial, path);
}

const [argument] = process.argv.slice(2);
if (argument === '--help') process.stdout.write(help());
else if (argument !== undefined) {
  await reportAndExit(
    new UserError(`found the argument '${argument}', expected none but --help; settings are variables`),
  );
} else {
  await runService({
    name: 'gapo-gateway',
    async start({ log }) {
      const { LISTEN, LISTEN_GRPC, COORDINATOR, NATS_URL, ADDRESS_FILE } = settings();
      if (NATS_URL === undefined) log.info('NATS_URL is not set: runs are watched over gRPC, without events');
      const bus = await connectEvents({
        source: 'gapo/gateway',
        ...(NATS_URL === undefined ? { inProcess: true } : { url: NATS_URL }),
      });
      try {
        const gateway = await startGateway({ listen: LISTEN, coordinator: COORDINATOR, bus, log });
        const health = await serve({ address: LISTEN_GRPC, services: [] }).catch(async (error: unknown) => {
          await gateway.stop();
          throw error instanceof RpcError ? new UserError(`LISTEN_GRPC: ${error.details}`) : error;
        });
        if (ADDRESS_FILE !== undefined) await writeWhole(ADDRESS_FILE, gateway.address);
        log.info({ grpc: health.address, coordinator: COORDINATOR }, `the web page is at http://${gateway.address}/`);
        return {
          address: gateway.address,
          stop: async () => {
            await health.stop();
            await gateway.stop();
            await bus.close();
          },
        };
      } catch (error) {
        await bus.close();
        throw error;
      }
    },
  });
}
