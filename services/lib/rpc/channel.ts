// Channels to servers: their options, and one channel per target, shared by all clients of the target.
import * as grpc from '@grpc/grpc-js';
import './lostPeers.js';
import { clientCredentials, type ServerCredentials } from './tls/clientCredentials.js';
import { processSecurity } from './tls/security.js';

// grpc-js logs to stderr what its errors already say. Its environment variables turn the log back on.
if (process.env['GRPC_VERBOSITY'] === undefined && process.env['GRPC_NODE_VERBOSITY'] === undefined) {
  grpc.setLogVerbosity(grpc.logVerbosity.NONE);
}

/** The largest message that either side accepts, in bytes. Anything larger is streamed in chunks of about 1 MiB. */
export const maxReceiveBytes = 64 * 1024 * 1024;

/** Channel options of clients and servers. */
export const transportOptions = {
  // An HTTP/2 window of 8 MiB instead of 64 KiB: transfers are then limited by copying rather than by round trips.
  'grpc-node.flow_control_window': 8_388_608,
  // The receiver rejects messages that are too large; a second limit in the sender would add nothing.
  'grpc.max_send_message_length': -1,
  'grpc.max_receive_message_length': maxReceiveBytes,
  // Per-call statistics, which nothing reads.
  'grpc.enable_channelz': 0,
} as const satisfies grpc.ChannelOptions;

/**
 * Channel options of clients. There are no keepalive pings: other gRPC servers reject frequent ones, every call has a deadline, and pings end
 * calls that outlast their connection's maximum age. TCP detects lost peers.
 */
const clientOptions = {
  ...transportOptions,
  // Servers of a deployment start in any order: reconnect soon, with a backoff of at most two seconds.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2000,
  // If a server has moved, its name is resolved again at the next attempt, not after half a minute. The name server's cache limits the cost.
  'grpc.dns_min_time_between_resolutions_ms': 1000,
  // The service config is set here rather than read from TXT records.
  'grpc.service_config_disable_resolution': 1,
  // Each channel has its own connections, so that a new channel does not inherit a connection left open to a silent address.
  'grpc.use_local_subchannel_pool': 1,
  // Services call each other directly: an HTTP proxy must not intercept calls to 127.0.0.1 or within a cluster.
  'grpc.enable_http_proxy': 0,
} as const satisfies grpc.ChannelOptions;

/** A dns:/// target may resolve to many servers (a headless service): calls are distributed round-robin. */
const roundRobin = JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] });

/** How a client verifies, over TLS, a server outside the platform. */
export interface Tls {
  /** CA certificates (PEM). @default the ones that Node.js ships with */
  readonly ca?: string | undefined;
}

interface Shared {
  channel: grpc.Channel;
  users: number;
}

const channels = new Map<string, Shared>();
/** Distinguishes channels that are not shared. */
let nextAlone = 0;

/** A reference to a target's shared channel. */
export interface ChannelShare {
  readonly channel: grpc.Channel;
  /** Releases the reference. The channel closes with the last one. Idempotent. */
  release(): void;
}

function credentialsFor(target: string, service: string, tls: Tls | 'none' | undefined): ServerCredentials {
  const security = processSecurity();
  if (tls === undefined && security.files !== undefined) {
    return clientCredentials(security.files, target, service, security);
  }
  if (tls === undefined || tls === 'none') {
    return { key: 'none', credentials: grpc.credentials.createInsecure(), options: {} };
  }
  const ca = tls.ca === undefined ? null : Buffer.from(tls.ca);
  return { key: `ca ${tls.ca ?? ''}`, credentials: grpc.credentials.createSsl(ca), options: {} };
}

/**
 * Returns the channel to a target, created on first use. It connects and reconnects automatically.
 *
 * @param target `host:port`, or `dns:///host:port` to spread calls over every address of the host
 * @param service the full name of the called service, whose server is verified by its role; '' for any
 * @param tls how a server outside the platform is verified; 'none' for one without TLS. @default as this process secures its connections
 * @param alone whether the channel is not shared with other callers. @default false
 * @throws TypeError if the target is not a valid address
 */
export function shareChannel(target: string, service = '', tls?: Tls | 'none', alone = false): ChannelShare {
  if (!/^[^\s]+$/.test(target)) {
    throw new TypeError(
      `the target ${JSON.stringify(target)} is not an address; write host:port, such as localhost:50051`,
    );
  }
  const { key: how, credentials, options: extra } = credentialsFor(target, service, tls);
  const key = JSON.stringify([target, how, ...(alone ? [nextAlone++] : [])]);
  let shared = channels.get(key);
  if (shared === undefined) {
    const spread = target.startsWith('dns:') ? { 'grpc.service_config': roundRobin } : {};
    const options = { ...clientOptions, ...spread, ...extra };
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
