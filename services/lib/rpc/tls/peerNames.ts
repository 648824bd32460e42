/** The names in a certificate, and whether they include an expected one. */
import type { X509Certificate } from 'node:crypto';

/** The names of a peer. */
export interface PeerNames {
  /** Such as `spiffe://gapo/coordinator`. */
  readonly uris: readonly string[];
  /** Such as `coordinator.example.org`. */
  readonly dnsNames: readonly string[];
}

/** An entry as Node prints it: a value with special characters is quoted, as in JSON. */
const entry = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y;

/** Returns the URIs and DNS names of a certificate. A certificate that cannot be parsed has none. */
export function namesOf({ subjectAltName }: Pick<X509Certificate, 'subjectAltName'>): PeerNames {
  const names: { uris: string[]; dnsNames: string[] } = { uris: [], dnsNames: [] };
  const text = subjectAltName ?? '';
  entry.lastIndex = 0;
  while (entry.lastIndex < text.length) {
    const match = entry.exec(text);
    if (match === null) return { uris: [], dnsNames: [] };
    const [, kind, value = ''] = match;
    // A quoted value contains characters that never occur in a peer's name.
    if (value.startsWith('"')) continue;
    if (kind === 'URI') names.uris.push(value);
    if (kind === 'DNS') names.dnsNames.push(value.toLowerCase());
  }
  return names;
}

/** The identities (SPIFFE IDs) among the names. */
export function identitiesOf({ uris }: PeerNames): readonly string[] {
  return uris.filter((uri) => uri.startsWith('spiffe://'));
}

/** Returns a peer's name for messages and logs; undefined if its certificate has none. */
export function peerName(names: PeerNames): string | undefined {
  return identitiesOf(names)[0] ?? names.dnsNames[0] ?? names.uris[0];
}

/**
 * Whether the names include an expected one: a URI or a path below it (`spiffe://gapo/reward` includes `spiffe://gapo/reward/helpful`),
 * or a DNS name.
 */
export function includesName({ uris, dnsNames }: PeerNames, expected: string): boolean {
  if (!expected.includes('://')) return dnsNames.includes(expected.toLowerCase());
  return uris.some((uri) => uri === expected || uri.startsWith(`${expected}/`));
}
