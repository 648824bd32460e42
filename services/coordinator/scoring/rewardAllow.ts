/** The addresses that runs may name as reward services, in addition to the names of REWARD_SERVICES. */
import { grpcTarget } from '@gapo/service';

/** A host (`*`: any; `*.example.org`: its subdomains) and a port (`*`: any). */
const pattern = /^(\*|(?:\*\.)?[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(\*|\d{1,5})$/;

/** Schemes that resolve names through the system. A name server of the caller's choice could answer with any address. */
const scheme = /^(?:dns:(?:\/\/\/)?|ipv[46]:)/;

const unixScheme = 'unix:';

/** Whether a string is an entry of REWARD_ALLOW: `host:port` with `*` for any, or `unix:` and the path of a socket. */
export function isAllowPattern(text: string): boolean {
  return pattern.test(text) || (text.startsWith(unixScheme) && grpcTarget.safeParse(text).success);
}

/**
 * Returns the default patterns: this machine's own addresses if the coordinator is reachable only from this machine, none otherwise.
 */
export function defaultRewardAllow(isLocal: boolean): readonly string[] {
  return isLocal ? ['127.0.0.1:*', 'localhost:*', '[::1]:*'] : [];
}

/**
 * Whether a gRPC target matches one of the patterns.
 *
 * @param patterns each accepted by {@link isAllowPattern}
 */
export function isAllowed(target: string, patterns: readonly string[]): boolean {
  if (target.startsWith(unixScheme)) return patterns.includes(target);
  const address = target.replace(scheme, '').toLowerCase();
  return patterns.some((each) => matches(address, each.toLowerCase()));
}

function matches(address: string, pattern: string): boolean {
  const [host, port] = split(address);
  const [wantedHost, wantedPort] = split(pattern);
  if (wantedPort !== '*' && wantedPort !== port) return false;
  if (wantedHost === '*') return !host.includes('/');
  return wantedHost.startsWith('*.') ? host.endsWith(wantedHost.slice(1)) && host[0] !== '.' : host === wantedHost;
}

function split(address: string): [host: string, port: string] {
  const colon = address.lastIndexOf(':');
  return [address.slice(0, colon), address.slice(colon + 1)];
}
