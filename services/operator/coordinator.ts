/** The client of the coordinator, with the token that a file has. */
import { readFileSync } from 'node:fs';
import { connect, type Client } from '@gapo/rpc';
import { UserError } from '@gapo/service';

/**
 * Connects to the coordinator. The token is read for each call: its file may change.
 *
 * @param tokenFile the file with the token; undefined: calls carry none
 * @throws UserError if the file cannot be read
 */
export function connectCoordinator(
  address: string,
  tokenFile: string | undefined,
): Client<'gapo.training.v1.TrainingService'> {
  const metadata = (): Record<string, string> =>
    tokenFile === undefined ? {} : { authorization: `Bearer ${readToken(tokenFile)}` };
  metadata();
  return connect('gapo.training.v1.TrainingService', address, { metadata });
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new UserError(`COORDINATOR_TOKEN_FILE: ${file} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
