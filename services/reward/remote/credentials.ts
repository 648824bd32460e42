/** What a remote scorer proves itself with: a token, a URL's user, headers from the environment. Errors never show them. */
import { dirname, resolve } from 'node:path';
import { namedText, UserError } from '@gapo/service';
import { RemoteFailure } from './remoteFailure.js';

/** Where a token is found. At most one of the two. */
export interface TokenSource {
  /** The environment variable that holds it. */
  readonly tokenEnv?: string | undefined;
  /** The file that holds it. It is read for every request, so that it can change. */
  readonly tokenFile?: string | undefined;
}

/** The token of a service: its own source takes precedence over that of the YAML file, and that over REWARD_TOKEN. */
export interface TokenOptions extends TokenSource {
  /** REWARD_TOKEN. */
  readonly token?: string | undefined;
}

/** A token, and where it is from. */
export interface Token {
  /** Such as `tokenFile /run/secrets/judge`. */
  readonly source: string;
  /** @throws UserError without the token if there is none, or it contains a character that a header cannot */
  read(): string;
}

/**
 * Finds a service's token, and reads it once.
 *
 * @param path the YAML file, which tokenFile is relative to
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
    (token === undefined ? undefined : { source: 'REWARD_TOKEN', read: () => checked('REWARD_TOKEN', token) });
  found?.read();
  return found;
}

/** @throws UserError if both sources are set */
function namedToken({ tokenEnv, tokenFile }: TokenSource, where: string): Token | undefined {
  if (tokenEnv !== undefined && tokenFile !== undefined) {
    throw new UserError(`${where}: has tokenEnv and tokenFile; keep one of them`);
  }
  if (tokenEnv !== undefined) {
    const source = `tokenEnv ${tokenEnv}`;
    return { source, read: () => checked(source, variable(tokenEnv, `${where}: tokenEnv`)) };
  }
  if (tokenFile === undefined) return undefined;
  const source = `tokenFile ${tokenFile}`;
  return { source, read: () => checked(source, namedText(`${where}: tokenFile`, tokenFile)) };
}

/** @throws UserError if the environment lacks it */
function variable(name: string, where: string): string {
  const value = process.env[name];
  if (value === undefined || value.trim() === '') {
    throw new UserError(
      `${where}: found no value of ${name} in the environment; set the variable, or correct its name`,
    );
  }
  return value;
}

/**
 * Drops white space around a token, such as the line break at a file's end.
 *
 * @throws UserError without the token if a header cannot carry it
 */
function checked(source: string, text: string): string {
  const token = text.trim();
  if (token === '') throw new UserError(`${source}: is empty; expected a token`);
  if (!/^[!-~]+$/.test(token)) {
    throw new UserError(`${source}: contains a character that an HTTP header cannot; expected printable ASCII`);
  }
  return token;
}

/** The headers of a service's requests, and how to keep what is secret in them out of errors. */
export interface Credentials {
  /**
   * Returns the headers of the next request.
   *
   * @throws RemoteFailure if the token can no longer be read
   */
  readonly headers: () => Readonly<Record<string, string>>;
  /** Replaces every secret in a text. */
  redacted(text: string): string;
  /** Whether requests carry an Authorization header. */
  readonly authorized: boolean;
}

/** What {@link credentialsOf} reads. */
export interface CredentialOptions {
  readonly token: Token | undefined;
  /** By name; `${NAME}` in a value is that environment variable's. */
  readonly headers: Readonly<Record<string, string>>;
  /** A URL's user and password. */
  readonly user?: { readonly name: string; readonly password: string } | undefined;
  /** The YAML file, which begins every error. */
  readonly path: string;
}

/**
 * Collects the headers.
 *
 * @throws UserError if two of them are the same, or the environment lacks a variable
 */
export function credentialsOf({ token, headers, user, path }: CredentialOptions): Credentials {
  const secrets = new Set<string>();
  const fixed: Record<string, string> = {};
  for (const [name, template] of Object.entries(headers)) {
    const value = template.replace(/\$\{([A-Za-z_]\w*)\}/g, (_, key: string) => {
      const secret = variable(key, `${path}: headers.${name}`).trim();
      secrets.add(secret);
      return secret;
    });
    if (!/^[ -~]*$/.test(value)) throw new UserError(`${path}: headers.${name}: found a character that an HTTP header cannot have; expected printable ASCII`); // prettier-ignore
    if (fixed[name.toLowerCase()] !== undefined) throw new UserError(`${path}: headers.${name}: found a second time in other letters; keep one`); // prettier-ignore
    fixed[name.toLowerCase()] = value;
  }
  const sources = [
    ...(fixed['authorization'] === undefined ? [] : ['headers.authorization']),
    ...(user === undefined ? [] : ['the user in url']),
    ...(token === undefined ? [] : [token.source]),
  ];
  if (sources.length > 1) throw new UserError(`${path}: found ${sources.join(' and ')}; expected one of them, because each sets the header Authorization`); // prettier-ignore
  if (user !== undefined) {
    const basic = Buffer.from(`${user.name}:${user.password}`).toString('base64');
    fixed['authorization'] = `Basic ${basic}`;
    [basic, user.password].forEach((secret) => secrets.add(secret));
  }
  return {
    authorized: sources.length > 0,
    headers: () => {
      if (token === undefined) return fixed;
      const current = currentOf(token);
      secrets.add(current);
      return { ...fixed, authorization: `Bearer ${current}` };
    },
    redacted: (text) =>
      [...secrets].reduce((sofar, secret) => (secret.length < 4 ? sofar : sofar.replaceAll(secret, '***')), text),
  };
}

function currentOf(token: Token): string {
  try {
    return token.read();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new RemoteFailure(error.message, { retryable: true, cause: error });
  }
}
