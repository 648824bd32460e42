/** Which engine samples, and where its servers are. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentialsOf, fileToken, HttpClient } from '@gapo/http';
import { ConfigError, directory, filePath, nonEmptyText, positiveInt, positiveNumber, url, z } from '@gapo/service';

/** Maximum bytes of a completion with its log-probabilities. */
const longestCompletion = 64 * 2 ** 20;

/** The settings of engines. */
export const engineSettings = z.object({
  ENGINE: z
    .enum(['native', 'vllm', 'sglang'])
    .default('native')
    .describe('What samples: `native`, the engine of this project, or servers of another engine.')
    .meta({ expected: 'native, vllm or sglang' }),
  ENGINE_URLS: z
    .array(url('http', 'https'))
    .min(1)
    .optional()
    .describe('The servers of the engine, separated by commas, such as http://127.0.0.1:8000.'),
  ENGINE_MODEL: nonEmptyText
    .optional()
    .describe('The name of the base model at the servers; by default that of the only one that they have.'),
  ENGINE_ADAPTER_DIR: directory
    .default(join(tmpdir(), 'gapo-adapters'))
    .describe(
      'A directory that the servers see too, for policy versions: PEFT adapters, or whole models with policy.train: full.',
    ),
  ENGINE_ADAPTER_PATH: directory
    .optional()
    .describe('The path of ENGINE_ADAPTER_DIR at the servers, where it is another.'),
  ENGINE_ADAPTERS: positiveInt
    .default(2)
    .describe('Adapters that are loaded at each server at a time; at most its --max-loras.'),
  ENGINE_CONCURRENCY: positiveInt
    .default(64)
    .describe('Requests in progress at each server; others wait in this process.'),
  ENGINE_TIMEOUT_SECONDS: positiveNumber.default(300).describe('Seconds that a server may take for one completion.'),
  ENGINE_LEASE_SECONDS: positiveNumber
    .default(8)
    .describe('Seconds without an answer to health checks after which a server loses its requests to others.'),
  ENGINE_TOKEN_FILE: filePath
    .optional()
    .describe('A file with the token that the servers ask for, read for every request.'),
});

/** Settings of an engine with servers. */
export type ServedSettings = Omit<z.output<typeof engineSettings>, 'ENGINE' | 'ENGINE_URLS'> & {
  readonly ENGINE: 'vllm' | 'sglang';
  readonly ENGINE_URLS: readonly string[];
};

/**
 * Returns the settings of an engine with servers; undefined for the native one.
 *
 * @throws ConfigError if it has none
 */
export function servedSettings({
  ENGINE,
  ENGINE_URLS,
  ...rest
}: z.output<typeof engineSettings>): ServedSettings | undefined {
  if (ENGINE === 'native') return undefined;
  if (ENGINE_URLS === undefined) {
    const expected = `the URLs of servers, since ENGINE is ${ENGINE}`;
    throw new ConfigError('environment', [{ path: 'ENGINE_URLS', found: 'nothing', expected }]);
  }
  return { ENGINE, ENGINE_URLS, ...rest };
}

/**
 * Creates the clients of an engine's servers.
 *
 * @throws UserError if the token's file cannot be read
 */
export function engineServers({ ENGINE_URLS, ENGINE_TOKEN_FILE }: ServedSettings): HttpClient[] {
  const [where, source] = ['ENGINE_URLS', 'ENGINE_TOKEN_FILE'];
  const token = ENGINE_TOKEN_FILE === undefined ? undefined : fileToken(source, source, ENGINE_TOKEN_FILE);
  token?.read();
  return ENGINE_URLS.map(
    (url) =>
      new HttpClient({
        url,
        credentials: credentialsOf({ url, token, where }),
        longestAnswer: longestCompletion,
        settings: { url: where, ca: 'NODE_EXTRA_CA_CERTS' },
      }),
  );
}
