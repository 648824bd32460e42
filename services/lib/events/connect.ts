/** Connects to an event bus. */
import { logger, UserError } from '@gapo/service';
import { connect, NatsError, type ConnectionOptions, type NatsConnection } from 'nats';
import type { EventBus } from './bus.js';
import { messageOf, type EventError } from './eventError.js';
import { InProcessBus } from './inProcessBus.js';
import { NatsBus } from './natsBus.js';
import { ensureStream, type StreamLimits } from './stream.js';

/** The server's URL where neither `url` nor NATS_URL is set. */
const defaultNatsUrl = 'nats://127.0.0.1:4222';

/** How to connect. */
export interface ConnectOptions {
  /** The server, or several separated by commas, optionally with `user:password@`. @default NATS_URL, else defaultNatsUrl */
  url?: string;
  /** The publisher, such as `gapo/coordinator`: the `source` of every event and the name of the connection. */
  source: string;
  /** Use no server: events stay in this process, and a bounded history can be replayed. @default false */
  inProcess?: boolean;
  /** Events that are queued while the server is unreachable. Beyond that the oldest are dropped. @default 10000 */
  queueLimit?: number;
  /** In process: events kept for replay. Beyond that the oldest are dropped. @default 10000 */
  historyLimit?: number;
  /** Limits of the stream. */
  limits?: StreamLimits;
  /** Observes every failure. @default logs a warning */
  onError?: (error: EventError) => void;
}

/**
 * Connects to the server, and creates or updates the stream. From then on the connection reconnects by itself without limit: a server that
 * disconnects never stops the caller.
 *
 * @throws UserError where no server answers, it refuses the login, or it has no JetStream
 *
 * @example
 * ```ts
 * import { connectEvents } from '@gapo/events';
 *
 * const bus = await connectEvents({ source: 'docs', inProcess: true }); // or url: 'nats://127.0.0.1:4222'
 * const subscription = await bus.subscribe({ kind: 'state' }, ({ subject, data }) => console.log(subject, data));
 * bus.publish('run-1', 'state', { from: 'queued', to: 'running', reason: '' }, { id: '1' });
 * await bus.flush();
 * await subscription.stop();
 * await bus.close();
 * ```
 */
export async function connectEvents(options: ConnectOptions): Promise<EventBus> {
  const log = logger('events');
  const onError = options.onError ?? ((error: EventError) => log.warn({ code: error.code }, error.message));
  if (options.inProcess === true) {
    return new InProcessBus({ source: options.source, historyLimit: options.historyLimit ?? 10_000, onError });
  }
  const url = options.url ?? (process.env['NATS_URL'] || defaultNatsUrl);
  const limits = options.limits ?? {};
  const connection = await open(url, options.source);
  const shown = withoutPassword(url);
  try {
    const manager = await connection.jetstreamManager({ checkAPI: false });
    await ensureStream(manager, limits, shown);
    const repairStream = () => ensureStream(manager, limits, shown);
    return new NatsBus({
      connection,
      manager,
      source: options.source,
      queueLimit: options.queueLimit ?? 10_000,
      repairStream,
      onError,
    });
  } catch (error) {
    await connection.close();
    throw error;
  }
}

async function open(url: string, source: string): Promise<NatsConnection> {
  try {
    return await connect({
      ...serversAndLogin(url),
      name: source,
      timeout: 5000,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 500,
      reconnectJitter: 250,
      // A password that changes on the server first must not close the connection permanently.
      ignoreAuthErrorAbort: true,
      pingInterval: 20_000,
      maxPingOut: 2,
    });
  } catch (error) {
    throw new UserError(
      `cannot connect to NATS at ${withoutPassword(url)}: ${reason(error)}; start a server with \`nats-server -js\`, or set NATS_URL to a running one`,
      { cause: error },
    );
  }
}

function reason(error: unknown): string {
  const code = error instanceof NatsError ? error.code : '';
  if (code === 'CONNECTION_REFUSED') return 'connection refused';
  if (code === 'AUTHORIZATION_VIOLATION' || code === 'AUTHENTICATION_EXPIRED') return 'the login was rejected';
  if (code === 'TIMEOUT' || code === 'CONNECTION_TIMEOUT') return 'no answer within 5 seconds';
  return messageOf(error);
}

function serversAndLogin(url: string): ConnectionOptions {
  const urls = url.split(',').map((part) => {
    const text = part.trim();
    const whole = text.includes('://') ? text : `nats://${text}`;
    if (!URL.canParse(whole)) {
      throw new UserError(`NATS_URL: found "${withoutPassword(text)}", expected a URL as nats://host:4222`);
    }
    return new URL(whole);
  });
  const login = urls.find((parsed) => parsed.username !== '');
  return {
    servers: urls.map((parsed) => parsed.host),
    ...(urls.some((parsed) => parsed.protocol === 'tls:') ? { tls: {} } : {}),
    ...(login === undefined
      ? {}
      : { user: decodeURIComponent(login.username), pass: decodeURIComponent(login.password) }),
  };
}

/** Returns the URL without credentials, for messages and logs. */
function withoutPassword(url: string): string {
  return url.replaceAll(/(\/\/|^|,)[^/@,]*@/g, '$1');
}
