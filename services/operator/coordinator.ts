/** The client of the coordinator, with a token from a file. */
import { connect, type Client } from '@gapo/rpc';
import { namedText } from '@gapo/service';

/**
 * Connects to the coordinator. The token is read for each call because its file may change.
 *
 * @param tokenFile the file with the token; undefined: calls carry no token
 * @throws UserError if the file cannot be read
 */
export function connectCoordinator(
  address: string,
  tokenFile: string | undefined,
): Client<'gapo.training.v1.TrainingService'> {
  const metadata = (): Record<string, string> =>
    tokenFile === undefined ? {} : { authorization: `Bearer ${namedText('COORDINATOR_TOKEN_FILE', tokenFile).trim()}` };
  metadata();
  return connect('gapo.training.v1.TrainingService', address, { metadata });
}
