/** Limits how long the process's connections may take to open. */
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

/** Milliseconds for TCP's handshake. */
const connectMs = 5000;

/**
 * Fails connection attempts that get no answer with ETIMEDOUT. The address of a deleted pod is silent, and Linux would retry for two
 * minutes, during which a gRPC channel does not resolve the name again and queues its calls.
 */
export function boundConnecting(): void {
  subscribe('net.client.socket', (message) => {
    const { socket } = message as { readonly socket: Socket };
    const silent = (): void => {
      if (!socket.pending) return;
      const error = new Error(`connect ETIMEDOUT: no answer within ${connectMs / 1000} s`);
      socket.destroy(Object.assign(error, { code: 'ETIMEDOUT', syscall: 'connect' }));
    };
    // An answer that arrived while this process was busy still counts: it is read before the immediate runs.
    const timer = setTimeout(() => setImmediate(silent), connectMs).unref();
    const opened = (): void => clearTimeout(timer);
    socket.once('connect', opened).once('close', opened);
  });
}
