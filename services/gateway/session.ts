/**
 * The session of a person who uses the page: the token that they logged in with, in a cookie that only the gateway reads. The gateway keeps
 * none of it and passes the token on; the coordinator decides what it allows.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { RequestError } from './requestGuard.js';

/** The path of the session: POST with a token logs in, DELETE logs out. */
export const sessionPath = '/api/session';

/** The longest token that browsers keep in a cookie, in characters. */
export const longestSessionToken = 3800;

const cookieName = 'gapo_session';

/** A token as a header may have it. */
const bearer = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i;

/** Returns the metadata by which the coordinator knows who asks: the header, else that of the session; empty without either. */
export function credentialsOf({ authorization, cookie }: IncomingHttpHeaders): Readonly<Record<string, string>> {
  if (authorization !== undefined) return { authorization: checked(authorization) };
  const token = cookie
    ?.split(';')
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(`${cookieName}=`))
    ?.slice(cookieName.length + 1);
  return token === undefined || token === '' ? {} : { authorization: checked(`Bearer ${token}`) };
}

/** @throws RequestError 401 for what no header of a call can have */
function checked(credentials: string): string {
  if (/^[\x20-\x7e]*$/.test(credentials)) return credentials;
  throw new RequestError(401, 'the token has characters that no token has: log in with the token as it was made');
}

/** Returns the token of an authorization header; undefined where it has none. */
export function tokenOf({ authorization = '' }: IncomingHttpHeaders): string | undefined {
  return bearer.exec(authorization)?.[1];
}

/**
 * Returns the cookie of a session, which ends with the browser's: scripts cannot read it, and other sites cannot have it sent.
 *
 * @param token undefined: ends the session
 */
export function sessionCookie(token: string | undefined, scheme: 'http' | 'https'): string {
  const attributes = ['Path=/api', 'HttpOnly', 'SameSite=Strict', ...(scheme === 'https' ? ['Secure'] : [])];
  return [`${cookieName}=${token ?? ''}`, ...attributes, ...(token === undefined ? ['Max-Age=0'] : [])].join('; ');
}
