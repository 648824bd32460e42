/** The environment variables of the gateway. */
import { natsSettings } from '@gapo/events';
import { filePath, grpcTarget, hostPort, readSettings, settingsHelp, z } from '@gapo/service';
import { isAllowedHostEntry } from './allowedHosts.js';

const schema = z.object({
  LISTEN: hostPort
    .default('127.0.0.1:8080')
    .describe('The address of the web page and its API. Port 0 takes a free one.'),
  LISTEN_GRPC: hostPort
    .default('127.0.0.1:50059')
    .describe('The address of grpc.health.v1 and server reflection. Port 0 takes a free one.'),
  COORDINATOR: grpcTarget.default('127.0.0.1:50050').describe("The coordinator's address."),
  ...natsSettings,
  GATEWAY_ALLOWED_HOSTS: z
    .array(
      z
        .string()
        .refine(isAllowedHostEntry)
        .meta({ expected: 'a host name without scheme and port, *.example.org for the names below it, or * for any' }),
    )
    .default([])
    .describe(
      'Names that the gateway answers to besides localhost, IP addresses and that of LISTEN: those of a service, an ingress or a proxy. * switches the check off.',
    ),
  ADDRESS_FILE: filePath.optional().describe('A file that the actual HTTP address is written to, atomically.'),
});

/** The settings of the gateway. */
export type Settings = z.output<typeof schema>;

/**
 * Reads the settings.
 *
 * @throws ConfigError listing every problem
 */
export function settings(env: NodeJS.ProcessEnv = process.env): Settings {
  return readSettings(schema, env);
}

/** The text of `--help`. */
export const help = settingsHelp({
  title: 'The gateway: the web page of the training runs, and the API behind it.',
  schema,
  example: `COORDINATOR=127.0.0.1:50050 NATS_URL=nats://127.0.0.1:4222 \\
  node --import ./services/lib/tracing/dist/preload.js services/gateway/dist/main.js`,
});
