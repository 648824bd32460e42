/**
 * The session of a page user: their token in a cookie that only the gateway reads. The gateway stores nothing and passes the token on; the
 * coordinator decides what it allows.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { RequestError } from './requestGuard.js';

/** The path of the session: POST with a token logs in, DELETE logs out. */
export const sessionPath = '/api/session';

/** The longest token that browsers keep in a cookie, in characters. */
export const longestSessionToken = 3800;

const cookieName = 'gapo_session';

/** A token in the form allowed in a header. */
const bearer = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i;

/** Returns the metadata that identifies the caller to the coordinator: the header, otherwise the session's token; empty without either. */
export function credentialsOf({ authorization, cookie }: IncomingHttpHeaders): Readonly<Record<string, string>> {
  if (authorization !== undefined) return { authorization: checked(authorization) };
  const token = cookie
    ?.split(';')
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(`${cookieName}=`))
    ?.slice(cookieName.length + 1);
  return token === undefined || token === '' ? {} : { authorization: checked(`Bearer ${token}`) };
}

/** @throws RequestError 401 for a value that cannot be in a header */
function checked(credentials: string): string {
  if (/^[\x20-\x7e]*$/.test(credentials)) return credentials;
  throw new RequestError(
    401,
    'the token has characters that are not allowed in tokens: log in with the token exactly as it was issued',
  );
}

/** Returns the token of an authorization header; undefined if it has none. */
export function tokenOf({ authorization = '' }: IncomingHttpHeaders): string | undefined {
  return bearer.exec(authorization)?.[1];
}

/**
 * Returns a session cookie, which ends with the browser session. Scripts cannot read it, and other sites cannot cause it to be sent.
 *
 * @param token undefined: ends the session
 */
export function sessionCookie(token: string | undefined, scheme: 'http' | 'https'): string {
  const attributes = ['Path=/api', 'HttpOnly', 'SameSite=Strict', ...(scheme === 'https' ? ['Secure'] : [])];
  return [`${cookieName}=${token ?? ''}`, ...attributes, ...(token === undefined ? ['Max-Age=0'] : [])].join('; ');
}
