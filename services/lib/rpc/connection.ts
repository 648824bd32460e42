// Notifies when the connection to a server ends.
import * as grpc from '@grpc/grpc-js';
import { shareChannel } from './channel.js';
import type { ServiceName } from './services.js';

/**
 * Observes the connection that clients of a target share.
 *
 * @param service the service that the clients call
 * @param ended called each time a connection ends, on either side; calls that the server still answers are not affected
 * @returns a function that ends the observation
 * @throws TypeError if the target is not a valid address
 */
export function watchConnection(target: string, service: ServiceName, ended: () => void): () => void {
  const share = shareChannel(target, service);
  const { channel } = share;
  const { READY, SHUTDOWN } = grpc.connectivityState;
  let watching = true;
  const watch = (state: grpc.connectivityState): void =>
    channel.watchConnectivityState(state, Infinity, () => {
      if (!watching) return;
      const now = channel.getConnectivityState(false);
      if (now !== SHUTDOWN) watch(now);
      if (state === READY) ended();
    });
  watch(channel.getConnectivityState(false));
  return () => {
    watching = false;
    share.release();
  };
}
