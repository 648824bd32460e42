/** A scorer that asks somebody over HTTP. */
import { authorization, readRemoteFile, remoteDescription } from '../remote/remoteFile.js';
import { RemoteScorer } from '../remote/remoteScorer.js';
import { httpFile } from './httpFile.js';
import { protocolOf } from './protocols.js';
import { post } from './request.js';

/** Options of {@link openHttpScorer}. */
export interface HttpOptions {
  /** The YAML file. */
  readonly path: string;
  /** The objective's name, in place of the file's. */
  readonly objective?: string | undefined;
  /** Sent as a bearer token. @default none */
  readonly token?: string | undefined;
}

/**
 * Reads and checks a file; whoever it names is asked at the first batch.
 *
 * @throws UserError or ConfigError that says what is wrong with it
 */
export async function openHttpScorer({ path, objective, token }: HttpOptions): Promise<RemoteScorer> {
  const { file, version } = await readRemoteFile(path, httpFile);
  const { url, timeoutMs, concurrency } = file;
  const protocol = protocolOf(file);
  const endpoint = { url, timeoutMs, headers: authorization(token) };
  const judge = file.protocol === 'chat' ? file : undefined;
  const model = `${file.protocol}: ${judge?.model ?? url}`;
  const { minimum, maximum } = judge ?? {};
  return new RemoteScorer({
    description: remoteDescription(file, { model, version, minimum, maximum }, objective),
    batch: protocol.batch,
    concurrency,
    ask: async (items, signal) => protocol.read(await post(endpoint, protocol.request(items), signal), items.length),
    close: () => undefined,
  });
}
