// Channels to servers: their options, and one for each target, shared by all its clients.
import * as grpc from '@grpc/grpc-js';

// grpc-js writes lines of its own to stderr beside the errors that it returns, which is where people look for them. Its variables
// bring them back.
if (process.env['GRPC_VERBOSITY'] === undefined && process.env['GRPC_NODE_VERBOSITY'] === undefined) {
  grpc.setLogVerbosity(grpc.logVerbosity.NONE);
}

/** The largest message that either side accepts, in bytes. Larger things are streamed in chunks of about 1 MiB. */
export const maxReceiveBytes = 64 * 1024 * 1024;

/** Options of both sides. */
export const transportOptions = {
  // The HTTP/2 window of 8 MiB in place of 64 KiB: a transfer is bound by copying, not by waiting for acknowledgement.
  'grpc-node.flow_control_window': 8_388_608,
  // The receiver says what is too large; a limit on sending would only say it in other words.
  'grpc.max_send_message_length': -1,
  'grpc.max_receive_message_length': maxReceiveBytes,
  // Statistics that nobody reads, kept for each call.
  'grpc.enable_channelz': 0,
} as const satisfies grpc.ChannelOptions;

/** Options of clients. No keepalive pings: servers of other makes refuse frequent ones, and every call has a deadline. */
const clientOptions = {
  ...transportOptions,
  // Servers of one deployment start in any order: look again soon, and not more seldom than every two seconds.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2000,
  // A service configuration comes from here, not from TXT records.
  'grpc.service_config_disable_resolution': 1,
  // Services talk to each other directly; a proxy for the web must not catch calls to 127.0.0.1 or within a cluster.
  'grpc.enable_http_proxy': 0,
} as const satisfies grpc.ChannelOptions;

/** A dns:/// target may name many servers (a headless service): calls go to each in turn. */
const roundRobin = JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] });

/** How a client knows a server that answers over TLS. */
export interface Tls {
  /** Certificates (PEM) of who vouches for the server. @default those that Node.js comes with */
  readonly ca?: string | undefined;
}

interface Shared {
  channel: grpc.Channel;
  users: number;
}

const channels = new Map<string, Shared>();

/** A share of a target's channel. */
export interface ChannelShare {
  readonly channel: grpc.Channel;
  /** Gives the share up; the channel closes with its last share. Doing it twice does nothing. */
  release(): void;
}

/**
 * The channel to a target, made at its first use. It connects by itself, and again after a loss.
 * @param target `host:port`, or `dns:///host:port` to spread calls over every address of the host.
 * @param tls undefined: the connection is not encrypted
 */
export function shareChannel(target: string, tls?: Tls): ChannelShare {
  if (!/^[^\s]+$/.test(target)) {
    throw new TypeError(`the target ${JSON.stringify(target)} is not an address; write host:port, as localhost:50051`);
  }
  const key = JSON.stringify([target, tls]);
  let shared = channels.get(key);
  if (shared === undefined) {
    const options = target.startsWith('dns:') ? { ...clientOptions, 'grpc.service_config': roundRobin } : clientOptions;
    const credentials = tls
      ? grpc.credentials.createSsl(tls.ca === undefined ? null : Buffer.from(tls.ca))
      : grpc.credentials.createInsecure();
    shared = { channel: new grpc.Channel(target, credentials, options), users: 0 };
    channels.set(key, shared);
  }
  const mine = shared;
  mine.users += 1;
  let released = false;
  return {
    channel: mine.channel,
    release() {
      if (released) return;
      released = true;
      mine.users -= 1;
      if (mine.users > 0) return;
      channels.delete(key);
      mine.channel.close();
    },
  };
}
