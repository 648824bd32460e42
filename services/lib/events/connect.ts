/** Connects to an event bus. */
import { logger, UserError, withoutCredentials } from '@gapo/service';
import { connect, NatsError, type NatsConnection } from 'nats';
import type { EventBus } from './bus.js';
import { messageOf, type EventError } from './eventError.js';
import { InProcessBus } from './inProcessBus.js';
import { authenticatorOf, tlsOf, type NatsLogin, type NatsTls } from './login.js';
import { NatsBus } from './natsBus.js';
import { parseServers } from './serverUrl.js';
import { ensureStream, streamName, type StreamLimits } from './stream.js';

/** The server's URL where neither `url` nor NATS_URL is set. */
const defaultNatsUrl = 'nats://127.0.0.1:4222';

/** How to connect. */
export interface ConnectOptions {
  /** The server, or several separated by commas, optionally with `user:password@` or `token@`. @default NATS_URL, else defaultNatsUrl */
  url?: string;
  /** A login that is not part of the URL. */
  login?: NatsLogin;
  /** Files for TLS. */
  tls?: NatsTls;
  /** The stream's name. @default 'GAPO' */
  stream?: string;
  /** The publisher, such as `gapo/coordinator`: the `source` of every event and the name of the connection. */
  source: string;
  /** Use no server: events stay in this process, and a bounded history can be replayed. @default false */
  inProcess?: boolean;
  /** Events that are queued while the server is unreachable. Beyond that the oldest are dropped. @default 10000 */
  queueLimit?: number;
  /** In process: events kept for replay. Beyond that the oldest are dropped. @default 10000 */
  historyLimit?: number;
  /** Limits of the stream, see {@link StreamLimits}. */
  limits?: StreamLimits;
  /** Observes every failure. @default logs a warning */
  onError?: (error: EventError) => void;
}

/**
 * Connects to the server, and creates the stream where it is absent. From then on the connection reconnects by itself without limit: a server that
 * disconnects never stops the caller.
 *
 * @throws UserError where no server answers, it refuses the login, the login may not do what is needed, or the server has no
 *   JetStream or another stream of that name. No message has a password or token.
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
  const shown = withoutCredentials(url);
  const connection = await open(url, options);
  try {
    const manager = await connection.jetstreamManager({ checkAPI: false });
    const stream = {
      name: options.stream ?? streamName,
      limits: options.limits ?? {},
      url: shown,
      onChange: (text: string) => log.info(text),
    };
    const repairStream = () => ensureStream(manager, stream);
    await repairStream();
    return new NatsBus({
      connection,
      manager,
      stream,
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

async function open(url: string, { source, login = {}, tls = {} }: ConnectOptions): Promise<NatsConnection> {
  const servers = parseServers(url);
  const authenticator = authenticatorOf(servers.login, login);
  const tlsOptions = tlsOf(servers.tls, tls);
  try {
    return await connect({
      servers: [...servers.hosts],
      ...(authenticator !== undefined && { authenticator }),
      ...(tlsOptions !== undefined && { tls: tlsOptions }),
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
    throw new UserError(`cannot connect to NATS at ${withoutCredentials(url)}: ${reason(error)}`, { cause: error });
  }
}

/** Returns what was wrong and what to do. */
function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const start = 'start a server with `nats-server -js`, or set NATS_URL to a running one';
  if (code === 'CONNECTION_REFUSED') return `connection refused; ${start}`;
  if (code === 'AUTHORIZATION_VIOLATION' || code === 'AUTHENTICATION_EXPIRED' || code === 'BAD_AUTHENTICATION') {
    return 'the login was rejected; set user:password@ or token@ in NATS_URL, NATS_USER and NATS_PASSWORD, NATS_CREDS or NATS_NKEY';
  }
  if (code === 'TIMEOUT' || code === 'CONNECTION_TIMEOUT')
    return `no answer within 5 seconds; ${start}; one that requires a client certificate needs NATS_CERT and NATS_KEY`;
  if (code === 'SERVER_OPT_NA') return 'the server has no TLS; use nats:// and unset NATS_CA, NATS_CERT and NATS_KEY';
  if (/CERT|SELF_SIGNED|UNABLE_TO_|TLS|SSL|DISCONNECT|ECONNRESET/.test(code)) {
    const cause = error instanceof NatsError ? (error.chainedError ?? error) : error;
    return `${messageOf(cause)}; NATS_CA names the authorities to trust, NATS_CERT and NATS_KEY the certificate that a server may require`;
  }
  return `${messageOf(error)}; ${start}`;
}
