/** Bounds how long a connection of the process may take to open. */
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

/** Milliseconds for TCP's handshake. */
const connectMs = 5000;

/**
 * Ends attempts to connect that nobody answers, with ETIMEDOUT. The address of a pod that is gone is silent, and Linux would try it for two
 * minutes, during which a gRPC channel resolves no name again and queues its calls.
 */
export function boundConnecting(): void {
  subscribe('net.client.socket', (message) => {
    const { socket } = message as { readonly socket: Socket };
    const silent = (): void => {
      if (!socket.pending) return;
      const error = new Error(`connect ETIMEDOUT: no answer within ${connectMs / 1000} s`);
      socket.destroy(Object.assign(error, { code: 'ETIMEDOUT', syscall: 'connect' }));
    };
    // An answer that arrived while this process was busy counts: it is read before the immediate runs.
    const timer = setTimeout(() => setImmediate(silent), connectMs).unref();
    const opened = (): void => clearTimeout(timer);
    socket.once('connect', opened).once('close', opened);
  });
}
