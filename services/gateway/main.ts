/** The gateway as a process: settings, events, the web page, gRPC health. */
import { connectEvents, connectOptionsOf } from '@gapo/events';
import { serve } from '@gapo/rpc';
import { runService } from '@gapo/service';
import { startGateway } from './server.js';
import { help, settings } from './settings.js';

await runService({
  name: 'gapo-gateway',
  help,
  async start({ log }) {
    const read = settings();
    const { LISTEN, LISTEN_GRPC, COORDINATOR, GATEWAY_ALLOWED_HOSTS } = read;
    if (read.NATS_URL === undefined) log.info('NATS_URL is not set: runs are watched over gRPC, without events');
    const bus = await connectEvents({
      source: 'gapo/gateway',
      publishes: false,
      mayBeDown: true,
      ...connectOptionsOf(read),
    });
    try {
      const gateway = await startGateway({
        listen: LISTEN,
        coordinator: COORDINATOR,
        bus,
        allowedHosts: GATEWAY_ALLOWED_HOSTS,
        log,
      });
      const health = await serve({ address: LISTEN_GRPC, services: [] }).catch(async (error: unknown) => {
        await gateway.stop();
        throw error;
      });
      log.info({ grpc: health.address, coordinator: COORDINATOR }, `the web page is at ${gateway.url}`);
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
