// Detects and closes connections to peers that lost power or network, which ends their calls.
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

/**
 * Milliseconds without data after which TCP probes the peer. If the peer has not answered ten seconds later, the connection is closed. Clients
 * probe earlier, because a user may be waiting.
 */
const silenceMs = { server: 120_000, client: 20_000 } as const;

/**
 * TCP keepalive rather than HTTP/2 pings, because pings would end calls that outlast their connection's maximum age: grpc-js closes a connection
 * that it cannot ping, and after the server's GOAWAY it cannot ping any. While data is unacknowledged, TCP retransmits it instead of probing; the
 * call's deadline bounds that.
 */
for (const side of ['server', 'client'] as const) {
  subscribe(`net.${side}.socket`, (message) => {
    (message as { readonly socket: Socket }).socket.setKeepAlive(true, silenceMs[side]);
  });
}
