/** Connects to an event bus. */
import { messageOf } from '@gapo/rpc';
import { logger, UserError, withoutCredentials } from '@gapo/service';
import { observeWith } from '@gapo/tracing';
import { connect, NatsError, type NatsConnection } from 'nats';
import type { EventBus } from './bus.js';
import { EventError } from './eventError.js';
import { InProcessBus } from './inProcessBus.js';
import { authenticatorOf, tlsOf, type NatsLogin, type NatsTls } from './login.js';
import { NatsBus, type Opened } from './natsBus.js';
import { parseServers } from './serverUrl.js';
import { assertMayRead, ensureStream, streamName, type StreamLimits, type StreamOptions } from './stream.js';

/** The server's URL if neither `url` nor NATS_URL is set. */
const defaultNatsUrl = 'nats://127.0.0.1:4222';

/** How to connect. */
export interface ConnectOptions {
  /** The server, or several separated by commas, optionally with `user:password@` or `token@`. @default NATS_URL, otherwise defaultNatsUrl */
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
  /** Whether this process publishes and therefore needs more permissions than a reader. @default true */
  publishes?: boolean;
  /** If the server does not answer, start anyway and connect later. @default false */
  mayBeDown?: boolean;
  /** In process: events kept for replay. Beyond that the oldest are dropped. @default 10000 */
  historyLimit?: number;
  /** Limits of the stream, see {@link StreamLimits}. */
  limits?: StreamLimits;
  /** Observes every failure. @default logs a warning */
  onError?: (error: EventError) => void;
}

/**
 * Connects to the server and creates the stream if it does not exist. After that, the connection reconnects automatically without limit, so a
 * server that disconnects never stops the caller.
 *
 * @throws UserError if no server answers (unless `mayBeDown`), it refuses the login, the login lacks permissions, or the server has no JetStream
 * or has a different stream of that name. Messages never contain a password or token.
 *
 * @example
 * ```ts
 * import { connectEvents } from '@gapo/events';
 *
 * const bus = await connectEvents({ source: 'docs', inProcess: true }); // or url: 'nats://127.0.0.1:4222'
 * const subscription = await bus.subscribe({ kind: 'state' }, ({ subject, data }) => console.log(subject, data));
 * const outbox = bus.outbox('run-1', { directory: 'runs/run-1/events' });
 * outbox.publish('state', { from: 'queued', to: 'running', reason: '' }, { id: '1' });
 * await bus.flush();
 * await subscription.stop();
 * await bus.close();
 * ```
 */
export async function connectEvents(options: ConnectOptions): Promise<EventBus> {
  const bus = await openBus(options);
  const unobserve = observeWith((observe) => {
    const { queued, connected } = bus.stats();
    if (options.publishes !== false) observe('outboxLength', queued);
    observe('busConnected', connected ? 1 : 0, { messagingSystem: bus.transport });
  });
  const close = bus.close.bind(bus);
  return Object.assign(bus, {
    close(timeoutMs?: number) {
      unobserve();
      return close(timeoutMs);
    },
  });
}

async function openBus(options: ConnectOptions): Promise<EventBus> {
  const log = logger('events');
  const onError = options.onError ?? ((error: EventError) => log.warn({ code: error.code }, error.message));
  if (options.inProcess === true) {
    return new InProcessBus({ source: options.source, historyLimit: options.historyLimit ?? 10_000, onError });
  }
  const url = options.url ?? (process.env['NATS_URL'] || defaultNatsUrl);
  const stream: StreamOptions = {
    name: options.stream ?? streamName,
    limits: options.limits ?? {},
    url: withoutCredentials(url),
    onChange: (text) => log.info(text),
  };
  const open = (): Promise<Opened> => openStream(url, stream, options);
  let opened: Opened | undefined;
  try {
    opened = await open();
  } catch (error) {
    if (options.mayBeDown !== true || !(error instanceof ServerDown)) throw error;
    onError(
      new EventError(
        'connection',
        `${error.message}; continuing without it: events stay in the runs' logs until it answers`,
        error,
      ),
    );
  }
  return new NatsBus({ opened, open, stream, source: options.source, onError });
}

/** Connects and creates the stream if it does not exist. */
async function openStream(url: string, stream: StreamOptions, options: ConnectOptions): Promise<Opened> {
  const connection = await connectTo(url, options);
  try {
    const manager = await connection.jetstreamManager({ checkAPI: false });
    const repairStream = (): Promise<void> => ensureStream(manager, stream);
    await repairStream();
    if (options.publishes !== false) await assertMayRead(manager, stream);
    return { connection, manager, repairStream };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** The server does not answer. An expected error. */
class ServerDown extends UserError {}

async function connectTo(url: string, { source, login = {}, tls = {} }: ConnectOptions): Promise<NatsConnection> {
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
      // If a password changes on the server first, the connection must not close permanently.
      ignoreAuthErrorAbort: true,
      pingInterval: 20_000,
      maxPingOut: 2,
    });
  } catch (error) {
    const { text, isDown } = reason(error);
    const Kind = isDown ? ServerDown : UserError;
    throw new Kind(`cannot connect to NATS at ${withoutCredentials(url)}: ${text}`, { cause: error });
  }
}

/** Returns what went wrong, what to do, and whether no server answers there. */
function reason(error: unknown): { text: string; isDown: boolean } {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const start = 'start a server with `nats-server -js`, or set NATS_URL to a running one';
  const down = (text: string) => ({ text, isDown: true });
  const refused = (text: string) => ({ text, isDown: false });
  if (code === 'CONNECTION_REFUSED') return down(`connection refused; ${start}`);
  if (code === 'AUTHORIZATION_VIOLATION' || code === 'AUTHENTICATION_EXPIRED' || code === 'BAD_AUTHENTICATION') {
    return refused(
      'the login was rejected; set user:password@ or token@ in NATS_URL, NATS_USER and NATS_PASSWORD, NATS_CREDS or NATS_NKEY',
    );
  }
  if (code === 'TIMEOUT' || code === 'CONNECTION_TIMEOUT')
    return down(
      `no answer within 5 seconds; ${start}; one that requires a client certificate needs NATS_CERT and NATS_KEY`,
    );
  if (code === 'SERVER_OPT_NA')
    return refused('the server has no TLS; use nats:// and unset NATS_CA, NATS_CERT and NATS_KEY');
  if (/CERT|SELF_SIGNED|UNABLE_TO_|TLS|SSL|DISCONNECT|ECONNRESET/.test(code)) {
    const cause = error instanceof NatsError ? (error.chainedError ?? error) : error;
    const files =
      'NATS_CA names the authorities to trust, NATS_CERT and NATS_KEY the certificate that a server may require';
    return refused(`${messageOf(cause)}; ${files}`);
  }
  return down(`${messageOf(error)}; ${start}`);
}
