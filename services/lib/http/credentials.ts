/** What requests prove themselves with: a token, a URL's user, headers from the environment. Failures never show them. */
import { unescape } from 'node:querystring';
import { namedText, UserError } from '@gapo/service';
import { RequestFailure } from './requestFailure.js';

/** A token, and where it is from. */
export interface Token {
  /** Such as `tokenFile /run/secrets/judge`. */
  readonly source: string;
  /** @throws UserError without the token if there is none, or it contains a character that a header cannot */
  read(): string;
}

/**
 * A token in a file, which is read for every request, so that it can change.
 *
 * @param where what names the file, such as a variable
 */
export function fileToken(source: string, where: string, path: string): Token {
  return { source, read: () => checked(source, namedText(where, path)) };
}

/**
 * A token in a variable of the environment.
 *
 * @param where what names the variable, such as a file's key
 */
export function variableToken(source: string, where: string, name: string): Token {
  return { source, read: () => checked(source, variable(name, where)) };
}

/** A token that is known. */
export function textToken(source: string, text: string): Token {
  return { source, read: () => checked(source, text) };
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

/** The headers of a server's requests, and how to keep what is secret in them out of failures. */
export interface Credentials {
  /**
   * Returns the headers of the next request.
   *
   * @throws RequestFailure if the token can no longer be read
   */
  readonly headers: () => Readonly<Record<string, string>>;
  /** Replaces every secret in a text. */
  redacted(text: string): string;
  /** Whether requests carry an Authorization header. */
  readonly authorized: boolean;
}

/** What {@link credentialsOf} reads. */
export interface CredentialOptions {
  /** @default none */
  readonly token?: Token | undefined;
  /** By name; `${NAME}` in a value is that environment variable's. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** The server's URL, which may have a user and a password. */
  readonly url?: string | undefined;
  /** What begins every error, such as a file's path. */
  readonly where: string;
}

/**
 * Collects the headers.
 *
 * @throws UserError if two of them are the same, or the environment lacks a variable
 */
export function credentialsOf({ token, headers = {}, url, where }: CredentialOptions): Credentials {
  const user = url === undefined ? undefined : userOf(url);
  const secrets = new Set<string>();
  const fixed: Record<string, string> = {};
  for (const [name, template] of Object.entries(headers)) {
    const value = template.replace(/\$\{([A-Za-z_]\w*)\}/g, (_, key: string) => {
      const secret = variable(key, `${where}: headers.${name}`).trim();
      secrets.add(secret);
      return secret;
    });
    if (!/^[ -~]*$/.test(value)) throw new UserError(`${where}: headers.${name}: found a character that an HTTP header cannot have; expected printable ASCII`); // prettier-ignore
    if (fixed[name.toLowerCase()] !== undefined) throw new UserError(`${where}: headers.${name}: found a second time in a different case; keep one`); // prettier-ignore
    fixed[name.toLowerCase()] = value;
  }
  const sources = [
    ...(fixed['authorization'] === undefined ? [] : ['headers.authorization']),
    ...(user === undefined ? [] : ['the user in url']),
    ...(token === undefined ? [] : [token.source]),
  ];
  if (sources.length > 1) throw new UserError(`${where}: found ${sources.join(' and ')}; expected one of them, because each sets the header Authorization`); // prettier-ignore
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

function userOf(url: string) {
  const { username, password } = new URL(url);
  if (username === '' && password === '') return undefined;
  return { name: unescape(username), password: unescape(password) };
}

function currentOf(token: Token): string {
  try {
    return token.read();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new RequestFailure(error.message, { retryable: true, cause: error });
  }
}
