/** How a connection authenticates: user and password, token, credentials file or nkey, and a client certificate. */
import { namedText, UserError } from '@gapo/service';
import {
  credsAuthenticator,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
  type Authenticator,
  type TlsOptions,
} from 'nats';
import type { UrlLogin } from './serverUrl.js';

/** A login given outside the URL. At most one kind may be set. */
export interface NatsLogin {
  /** A user; without a password, a token. */
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** A file with JWT and seed. */
  readonly credentialsFile?: string | undefined;
  /** A file with the seed of an nkey. */
  readonly nkeyFile?: string | undefined;
}

/** Files for TLS, in PEM. */
export interface NatsTls {
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/**
 * Returns the authenticator that answers the server's challenge; undefined without a login. Files are read on every connection, so
 * that renewed ones are used.
 *
 * @throws UserError if two kinds of login are set, or a file is unreadable or invalid
 */
export function authenticatorOf(url: UrlLogin | undefined, login: NatsLogin): Authenticator | undefined {
  const { user, password, credentialsFile, nkeyFile } = login;
  const kinds = {
    'a login in NATS_URL': url,
    NATS_USER: user,
    NATS_CREDS: credentialsFile,
    NATS_NKEY: nkeyFile,
  };
  const set = Object.entries(kinds).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (set.length > 1) throw new UserError(`${set.join(' and ')} are set, expected one of them: unset the others`);
  if (password !== undefined && user === undefined) {
    throw new UserError('NATS_PASSWORD is set without NATS_USER: set both');
  }
  if (credentialsFile !== undefined) {
    const read = () => Buffer.from(credentials(credentialsFile));
    read();
    return credsAuthenticator(read);
  }
  if (nkeyFile !== undefined) {
    const read = () => Buffer.from(seed(nkeyFile));
    read();
    return nkeyAuthenticator(read);
  }
  if (user !== undefined) {
    return password === undefined ? tokenAuthenticator(user) : usernamePasswordAuthenticator(user, password);
  }
  if (url === undefined) return undefined;
  return 'token' in url ? tokenAuthenticator(url.token) : usernamePasswordAuthenticator(url.user, url.password);
}

/**
 * Returns the TLS options; undefined if TLS is not requested. If the server requires TLS, it is used anyway.
 *
 * @throws UserError if a file cannot be read, or a certificate has no key
 */
export function tlsOf(required: boolean, { caFile, certFile, keyFile }: NatsTls): TlsOptions | undefined {
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new UserError(
      certFile === undefined
        ? 'NATS_KEY is set without NATS_CERT: set both'
        : 'NATS_CERT is set without NATS_KEY: set both',
    );
  }
  const files = { caFile, certFile, keyFile };
  const variables = { caFile: 'NATS_CA', certFile: 'NATS_CERT', keyFile: 'NATS_KEY' } as const;
  const options: TlsOptions = {};
  for (const key of ['caFile', 'certFile', 'keyFile'] as const) {
    const path = files[key];
    if (path === undefined) continue;
    if (!namedText(variables[key], path).includes('-----BEGIN ')) {
      throw new UserError(`${variables[key]}: ${path} has no PEM block (-----BEGIN ...)`);
    }
    options[key] = path;
  }
  return required || Object.keys(options).length > 0 ? options : undefined;
}

/**
 * Reads a credentials file in the form that the client library accepts: Unix line endings, with one at the end.
 *
 * @throws UserError if it is invalid
 */
function credentials(path: string): string {
  const text = `${namedText('NATS_CREDS', path).replaceAll('\r\n', '\n')}\n`;
  if (!/BEGIN NATS USER JWT/.test(text) || !/BEGIN USER NKEY SEED/.test(text)) {
    throw new UserError(
      `NATS_CREDS: ${path} is not a credentials file: expected a JWT and a seed, as \`nsc generate creds\` writes them`,
    );
  }
  return text;
}

/**
 * Reads the seed from a file that may also contain comments or dashed lines.
 *
 * @throws UserError if it has none
 */
function seed(path: string): string {
  const found = /^\s*(S[A-Z2-7]{50,})\s*$/m.exec(namedText('NATS_NKEY', path))?.[1] ?? '';
  try {
    nkeyAuthenticator(Buffer.from(found))('nonce');
  } catch (error) {
    throw new UserError(`NATS_NKEY: ${path} has no seed of an nkey: expected a line of letters and digits from SU`, {
      cause: error,
    });
  }
  return found;
}
