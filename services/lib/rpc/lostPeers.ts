// Connections to peers that lost power or their network are noticed and closed, and their calls end.
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

/**
 * Milliseconds without data after which TCP asks whether a peer is still there. A connection whose peer has not answered ten seconds
 * later is closed. A client that follows a run asks earlier: a person waits.
 */
const silenceMs = { server: 120_000, client: 20_000 } as const;

/**
 * TCP asks, since pings of HTTP/2 would end calls that outlast the age of their connection: grpc-js closes a connection that it cannot ping, and
 * after the GOAWAY of its server none can be pinged. While a request is unanswered TCP sends it again instead of asking: its deadline bounds that.
 */
for (const side of ['server', 'client'] as const) {
  subscribe(`net.${side}.socket`, (message) => {
    (message as { readonly socket: Socket }).socket.setKeepAlive(true, silenceMs[side]);
  });
}
