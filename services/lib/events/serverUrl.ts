/** NATS_URL: the servers of a cluster, and the login that may precede a host. */
import { UserError, withoutCredentials } from '@gapo/service';

/** A login from a URL: `user:password@`, or a token as NATS writes it, `token@`. */
export type UrlLogin = { readonly user: string; readonly password: string } | { readonly token: string };

/** What a URL names. */
export interface Servers {
  /** As host:port, or the host for the default port. */
  readonly hosts: readonly string[];
  /** Whether TLS is required. */
  readonly tls: boolean;
  readonly login: UrlLogin | undefined;
}

/** The characters of user, password and token as in RFC 3986, except the comma, which separates servers. */
const form =
  /^(?:(nats|tls):\/\/)?(?:((?:[\w.~!$&'()*+;=-]|%[0-9a-f]{2})*)(:(?:[\w.~!$&'()*+;=:-]|%[0-9a-f]{2})*)?@)?((?:\[[0-9a-f:.]+\]|[\w.-]+)(?::\d{1,5})?)\/?$/i;

/**
 * Parses a URL, or several separated by commas.
 *
 * @throws UserError; it never quotes a login
 */
export function parseServers(url: string): Servers {
  const servers = url.split(',').map((part) => parseServer(part.trim(), url));
  const logins = servers.flatMap(({ login }) => (login === undefined ? [] : [login]));
  const [login] = logins;
  if (logins.some((other) => JSON.stringify(other) !== JSON.stringify(login))) {
    throw new UserError('NATS_URL: its servers have different logins, expected the same for all: write it once');
  }
  return { hosts: servers.map(({ host }) => host), tls: servers.some(({ tls }) => tls), login };
}

function parseServer(text: string, whole: string): { host: string; tls: boolean; login: UrlLogin | undefined } {
  const match = form.exec(text);
  if (match === null) throw new UserError(`NATS_URL: ${problemOf(text, whole)}`);
  const [, scheme = 'nats', user, password, host = ''] = match;
  return { host, tls: scheme.toLowerCase() === 'tls', login: loginOf(user, password) };
}

function problemOf(text: string, whole: string): string {
  const shown = JSON.stringify(withoutCredentials(whole));
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1];
  if (scheme !== undefined && !['nats', 'tls'].includes(scheme.toLowerCase())) {
    return `found ${shown}, expected nats:// or tls://, not ${scheme}://`;
  }
  if (whole.includes('@')) {
    return (
      `the user or password of ${shown} has a character that must be percent-encoded, such as %2F for "/", %40 for "@", ` +
      '%2C for "," or %25 for "%"; or set NATS_USER and NATS_PASSWORD, which are taken as they are'
    );
  }
  return `found ${shown}, expected a URL such as nats://host:4222`;
}

function loginOf(user: string | undefined, password: string | undefined): UrlLogin | undefined {
  if (user === undefined || (user === '' && password === undefined)) return undefined;
  const name = decoded(user);
  // The password starts after the colon.
  return password === undefined ? { token: name } : { user: name, password: decoded(password.slice(1)) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new UserError('NATS_URL: the percent-encoding of its user or password is not UTF-8; encode it again', {
      cause: error,
    });
  }
}
