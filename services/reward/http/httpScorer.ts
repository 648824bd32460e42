/** A scorer that calls a server over HTTP. */
import { authorization, readRemoteFile, remoteDescription, type RemoteOptions } from '../remote/remoteFile.js';
import { RemoteScorer } from '../remote/remoteScorer.js';
import { httpFile } from './httpFile.js';
import { protocolOf } from './protocols.js';
import { post } from './request.js';

/**
 * Reads and checks a file. The server is called with the first batch, not before.
 *
 * @throws UserError or ConfigError if the file is invalid
 */
export async function openHttpScorer({ path, objective, token }: RemoteOptions): Promise<RemoteScorer> {
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
