/** Looks up the token of a reward service. */
import { dirname, resolve } from 'node:path';
import { fileToken, textToken, variableToken, type Token } from '@gapo/http';
import { UserError } from '@gapo/service';

/** The source of a token. At most one of the two is set. */
export interface TokenSource {
  /** The environment variable with the token. */
  readonly tokenEnv?: string | undefined;
  /** The file with the token. It is read for every request, so that it can change. */
  readonly tokenFile?: string | undefined;
}

/**
 * The token of a service: its own source takes precedence over the YAML file's, which takes precedence over
 * REWARD_TOKEN.
 */
export interface TokenOptions extends TokenSource {
  /** REWARD_TOKEN. */
  readonly token?: string | undefined;
}

/**
 * Finds a service's token, and reads it once.
 *
 * @param path the YAML file; tokenFile is relative to it
 * @throws UserError if it cannot be read
 */
export function tokenOf(options: TokenOptions, file: TokenSource, path: string): Token | undefined {
  const { token } = options;
  const found =
    namedToken(options, 'environment') ??
    namedToken(
      { ...file, tokenFile: file.tokenFile === undefined ? undefined : resolve(dirname(path), file.tokenFile) },
      path,
    ) ??
    (token === undefined ? undefined : textToken('REWARD_TOKEN', token));
  found?.read();
  return found;
}

/** @throws UserError if both sources are set */
function namedToken({ tokenEnv, tokenFile }: TokenSource, where: string): Token | undefined {
  if (tokenEnv !== undefined && tokenFile !== undefined) {
    throw new UserError(`${where}: has tokenEnv and tokenFile; keep one of them`);
  }
  if (tokenEnv !== undefined) return variableToken(`tokenEnv ${tokenEnv}`, `${where}: tokenEnv`, tokenEnv);
  if (tokenFile === undefined) return undefined;
  return fileToken(`tokenFile ${tokenFile}`, `${where}: tokenFile`, tokenFile);
}
