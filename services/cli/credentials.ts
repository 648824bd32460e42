/** The token sent with a user's calls. */
import { isLoopback, processSecurity } from '@gapo/rpc';
import { namedText, UserError } from '@gapo/service';

/**
 * Returns the token in GAPO_TOKEN or in the file named by GAPO_TOKEN_FILE; undefined if neither is set.
 *
 * @throws UserError if the file cannot be read
 */
function token(env: NodeJS.ProcessEnv): string | undefined {
  const given = env['GAPO_TOKEN']?.trim();
  if (given !== undefined && given !== '') return given;
  const file = env['GAPO_TOKEN_FILE']?.trim();
  if (file === undefined || file === '') return undefined;
  return namedText('GAPO_TOKEN_FILE', file).trim();
}

/**
 * Returns the metadata of calls to a coordinator.
 *
 * @throws UserError for an invalid token, or one that would be sent over a network without TLS
 */
export function credentialsFor(address: string, env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const given = token(env);
  if (given === undefined) return {};
  if (!/^[A-Za-z0-9._~+/=-]+$/.test(given)) {
    throw new UserError(
      'GAPO_TOKEN is not a token: expected letters, digits and ._~+/=-, as `gapo token create` prints one',
    );
  }
  const insecure = /^(true|1|yes|on)$/i.test(env['INSECURE']?.trim() ?? '');
  const { files } = processSecurity();
  const host = address.replace(/^dns:\/*/, '').replace(/:\d+$/, '');
  if (files === undefined && !insecure && !isLoopback(host)) {
    throw new UserError(
      `GAPO_TOKEN would be sent to ${address} without TLS: set TLS_CA_FILE to the authority of its certificate, or INSECURE=true if the ` +
        'network itself keeps others out',
    );
  }
  return { authorization: `Bearer ${given}` };
}
