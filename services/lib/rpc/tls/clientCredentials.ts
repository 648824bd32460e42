/** Client credentials: the expected identity of the server, and the certificate that this process presents. */
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { experimental, type ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';
import type { CertificateFiles } from './certificateFiles.js';
import { bareHost } from './listenRule.js';
import { identitiesOf, includesName, namesOf, peerName } from './peerNames.js';
import { identityOf, serverRole } from './roles.js';
import type { CompleteSecurity } from './security.js';

/**
 * Returns an error if the server is not the expected one; otherwise undefined. A certificate with an identity must have the
 * expected one, whatever the address, because pods and ports on one machine have no stable names. Any other certificate must match
 * the dialled name.
 *
 * @param expected the identity of the service's role; undefined for a service that any peer may serve
 */
function serverProblem(host: string, certificate: PeerCertificate, expected: string | undefined): Error | undefined {
  const names = namesOf(new X509Certificate(certificate.raw));
  if (identitiesOf(names).length === 0) return checkServerIdentity(host, certificate);
  if (expected === undefined || includesName(names, expected)) return undefined;
  return new Error(`certificate of ${peerName(names) ?? ''}, expected ${expected}`);
}

/** Credentials for one server. */
export interface ServerCredentials {
  /** Equal for equal credentials for the same server. */
  readonly key: string;
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
}

/** Assigns numbers to file sets, which have no name. */
const numbers = new WeakMap<CertificateFiles, number>();
let opened = 0;

/** Returns the host of a gRPC target, without brackets. */
function hostOf(target: string): string {
  const address = target.replace(/^[a-z][a-z0-9+]*:(\/\/[^/]*\/)?/i, (scheme) =>
    /^(dns|ipv4|ipv6):/i.test(scheme) ? '' : scheme,
  );
  return bareHost(address.replace(/:\d+$/, ''));
}

/**
 * Returns the credentials for calls of a service.
 *
 * @param service its full name, or '' for any
 */
export function clientCredentials(
  files: CertificateFiles,
  target: string,
  service: string,
  { trustDomain }: CompleteSecurity,
): ServerCredentials {
  const role = serverRole(service);
  const expected = role === undefined ? undefined : identityOf(role, trustDomain);
  const number = numbers.get(files) ?? (opened += 1);
  numbers.set(files, number);
  const host = hostOf(target);
  const own = files.current.own === undefined ? null : files;
  const credentials = experimental.createCertificateProviderChannelCredentials(files, own, {
    checkServerIdentity: (_, certificate) => serverProblem(host, certificate, expected),
  });
  // TLS does not allow an IP address as server name, but grpc-js would send it.
  const options = isIP(host) === 0 ? {} : { 'grpc.ssl_target_name_override': 'localhost' };
  return { key: `files ${number} ${expected ?? ''}`, credentials, options };
}
