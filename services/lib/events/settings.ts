/**
 * The environment variables of every service that uses events. The login variables have the names that the `nats` command uses.
 */
import { filePath, positiveInt, positiveNumber, z } from '@gapo/service';
import type { ConnectOptions } from './connect.js';

/** The variables' schemas, for the schema of a service's settings. */
export const natsSettings = {
  NATS_URL: z
    .string()
    .optional()
    .describe(
      'NATS with JetStream for events, or several servers of a cluster separated by commas; tls:// requires TLS. A login may precede the host: user:password@ or token@, percent-encoded.',
    )
    .meta({ expected: 'a URL such as nats://host:4222' }),
  NATS_USER: z.string().optional().describe('The user; without NATS_PASSWORD it is a token.'),
  NATS_PASSWORD: z.string().optional().describe('Its password, as it is.'),
  NATS_CREDS: filePath.optional().describe('A credentials file (.creds) with JWT and seed, read at each connection.'),
  NATS_NKEY: filePath.optional().describe('A file with the seed of an nkey, read at each connection.'),
  NATS_CA: filePath.optional().describe('A PEM file of the authorities that the server must be signed by.'),
  NATS_CERT: filePath.optional().describe('A PEM file with a client certificate; requires NATS_KEY.'),
  NATS_KEY: filePath.optional().describe('A PEM file with the private key of NATS_CERT.'),
  NATS_STREAM: z
    .string()
    .regex(/^[^\s.*>/\\]+$/)
    .default('GAPO')
    .describe('The stream of the events. It is created where it is absent, and otherwise left as it is.')
    .meta({ expected: 'a name without spaces, ".", "*", ">" and slashes' }),
  NATS_STREAM_MAX_BYTES: positiveInt
    .optional()
    .describe(
      'Bytes of all events, which the server reserves. Unset: 268435456 (256 MiB) for a stream that is created.',
    ),
  NATS_STREAM_MAX_AGE_DAYS: positiveNumber
    .optional()
    .describe('Days for which an event is kept. Unset: 30 for a stream that is created.'),
  NATS_STREAM_REPLICAS: positiveInt
    .optional()
    .describe('Replicas in a cluster. Unset: 1 for a stream that is created.'),
  NATS_STREAM_STORAGE: z
    .enum(['file', 'memory'])
    .optional()
    .describe('Where events are kept; fixed when the stream is created. Unset: file for a stream that is created.'),
};

/** The settings of a service that uses events. */
export type NatsSettings = z.output<z.ZodObject<typeof natsSettings>>;

/** Names of the variables that describe a login or TLS, which belong to the server in NATS_URL. */
export const natsLoginVariables = [
  'NATS_USER',
  'NATS_PASSWORD',
  'NATS_CREDS',
  'NATS_NKEY',
  'NATS_CA',
  'NATS_CERT',
  'NATS_KEY',
] as const;

/** The variables among them that are file paths. */
export const natsFileVariables = ['NATS_CREDS', 'NATS_NKEY', 'NATS_CA', 'NATS_CERT', 'NATS_KEY'] as const;

/** Returns the connection options from the settings: no server if NATS_URL is unset. */
export function connectOptionsOf(settings: NatsSettings): Omit<ConnectOptions, 'source'> {
  const url = settings.NATS_URL;
  if (url === undefined) return { inProcess: true };
  return {
    url,
    stream: settings.NATS_STREAM,
    login: {
      user: settings.NATS_USER,
      password: settings.NATS_PASSWORD,
      credentialsFile: settings.NATS_CREDS,
      nkeyFile: settings.NATS_NKEY,
    },
    tls: { caFile: settings.NATS_CA, certFile: settings.NATS_CERT, keyFile: settings.NATS_KEY },
    limits: {
      maxBytes: settings.NATS_STREAM_MAX_BYTES,
      maxAgeDays: settings.NATS_STREAM_MAX_AGE_DAYS,
      replicas: settings.NATS_STREAM_REPLICAS,
      storage: settings.NATS_STREAM_STORAGE,
    },
  };
}
