/** Where a server may listen: on this machine without TLS, anywhere with it. */
import { BlockList, isIP } from 'node:net';
import type { CompleteSecurity } from './security.js';
import { TlsError } from './tlsError.js';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Returns a host without the brackets that an IPv6 address has before a port. */
export function bareHost(host: string): string {
  return host.replace(/^\[|\]$/g, '');
}

/** Splits `host:port`, where an IPv6 host is in brackets. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: bareHost(address.slice(0, colon)), port: Number(address.slice(colon + 1)) };
}

/** Whether a host is reachable only from this machine. A name other than localhost may resolve to anything. */
export function isLoopback(host: string): boolean {
  const name = bareHost(host).toLowerCase();
  const version = isIP(name);
  if (version === 0) return name === 'localhost' || name.endsWith('.localhost');
  return loopback.check(name, version === 6 ? 'ipv6' : 'ipv4');
}

/**
 * Refuses to listen beyond this machine without TLS unless the process is configured to.
 *
 * @param address the address for the error message, as host:port
 * @throws TlsError naming both solutions
 */
export function requireSecureAddress(host: string, address: string, { files, insecure }: CompleteSecurity): void {
  if (files?.current.own !== undefined || insecure || isLoopback(host)) return;
  throw new TlsError(
    `cannot listen on ${address} without TLS: everyone who reaches it could read and change the runs; set TLS_CERT_FILE, TLS_KEY_FILE and ` +
      'TLS_CA_FILE (gapo certs makes them), or set INSECURE=true if the network itself keeps others out; 127.0.0.1 needs neither',
  );
}
